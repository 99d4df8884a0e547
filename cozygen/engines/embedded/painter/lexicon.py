"""What the painter knows by name: words and what each does to a picture.

A word's effect is written ``kind:value``; kinds are `subject`, `colour`, `time`, `season`, `weather`, `mood`, `style`.
Several words may share a line, several effects a word.
"""

from __future__ import annotations

COLOURS: dict[str, tuple[float, float, float]] = {
    # OKLCH: lightness, chroma, hue in degrees
    "red": (0.60, 0.23, 27),
    "crimson": (0.50, 0.21, 20),
    "burgundy": (0.36, 0.13, 14),
    "rose": (0.70, 0.17, 8),
    "pink": (0.78, 0.14, 355),
    "magenta": (0.62, 0.27, 335),
    "purple": (0.47, 0.20, 305),
    "violet": (0.52, 0.21, 295),
    "lavender": (0.77, 0.10, 300),
    "indigo": (0.38, 0.17, 278),
    "blue": (0.56, 0.20, 258),
    "navy": (0.30, 0.11, 262),
    "azure": (0.72, 0.14, 240),
    "cyan": (0.82, 0.14, 205),
    "turquoise": (0.78, 0.13, 190),
    "teal": (0.58, 0.11, 192),
    "mint": (0.88, 0.10, 165),
    "emerald": (0.62, 0.16, 158),
    "green": (0.62, 0.19, 143),
    "olive": (0.56, 0.11, 115),
    "lime": (0.84, 0.21, 128),
    "yellow": (0.88, 0.18, 102),
    "gold": (0.80, 0.15, 86),
    "amber": (0.76, 0.16, 72),
    "orange": (0.72, 0.18, 55),
    "peach": (0.85, 0.09, 58),
    "coral": (0.72, 0.16, 32),
    "copper": (0.60, 0.13, 48),
    "brown": (0.45, 0.09, 55),
    "sepia": (0.58, 0.08, 70),
    "cream": (0.93, 0.05, 90),
    "white": (0.97, 0.005, 90),
    "silver": (0.80, 0.01, 250),
    "grey": (0.60, 0.005, 250),
    "black": (0.16, 0.005, 270),
}

_LINES = """
red scarlet ruby vermilion cherry blood rojo rouge rot красный 红 紅 赤: colour:red
crimson carmine: colour:crimson
burgundy maroon wine bordeaux: colour:burgundy
rose rosy: colour:rose
pink salmon blush 粉 桃: colour:pink
magenta fuchsia: colour:magenta
purple plum amethyst 紫: colour:purple
violet: colour:violet
lavender lilac mauve periwinkle: colour:lavender
indigo: colour:indigo
blue sapphire cobalt azul bleu blau синий 蓝 青: colour:blue
navy midnight-blue: colour:navy
azure cerulean sky-blue: colour:azure
cyan aqua: colour:cyan
turquoise aquamarine: colour:turquoise
teal petrol: colour:teal
mint seafoam: colour:mint
emerald jade malachite: colour:emerald
green verde vert зелёный 绿 緑: colour:green
olive khaki moss: colour:olive
lime chartreuse: colour:lime
yellow lemon amarillo jaune gelb 黄: colour:yellow
gold golden gilded 金: colour:gold
amber honey: colour:amber
orange tangerine: colour:orange
peach apricot: colour:peach
coral-pink: colour:coral
copper bronze rust terracotta: colour:copper
brown chocolate umber coffee: colour:brown
sepia: colour:sepia style:vintage
cream ivory beige: colour:cream
white snowy-white blanco blanc weiß weiss белый 白: colour:white
silver silvery 银 銀: colour:silver
grey gray: colour:grey
black onyx ebony negro noir schwarz чёрный 黑 黒: colour:black

day daylight noon midday daytime afternoon sunny sunlight sunshine: time:day
sunrise dawn daybreak morning: time:dawn
sunset sundown golden-hour evening dusk-light: time:sunset
dusk twilight blue-hour gloaming: time:dusk
night nighttime midnight nocturnal moonlit moonlight noche nuit nacht ночь 夜: time:night
moonlit moonlight: subject:moon
sunny: subject:sun

spring springtime: season:spring
summer: season:summer
autumn autumnal october november: season:autumn
winter wintry january december frost frosty frozen ice icy: season:winter
snow snowy snowfall blizzard nieve neige schnee 雪: season:winter weather:snow
blizzard: weather:fog mood:stormy
cherry-blossom sakura blossom 桜: season:spring subject:blossom subject:tree

cloud cloudy clouds overcast cumulus nube nuage wolke облако 雲 云: weather:clouds
fog foggy mist misty haze hazy smoke smoky nebel brume 霧 雾: weather:fog
rain rainy drizzle downpour lluvia pluie regen дождь 雨: weather:rain
storm stormy thunderstorm tempest hurricane thunder: weather:storm mood:stormy
lightning: weather:storm
clear cloudless: weather:clear
aurora northern-light aurora-borealis polar-light オーロラ 极光: weather:aurora time:night
rainbow 虹: weather:rainbow
wind windy breeze: mood:lively

calm serene peaceful tranquil quiet zen relaxing still soft gentle: mood:calm
stormy dramatic epic intense powerful: mood:stormy
dreamy dreamlike ethereal magical fantasy mystical enchanted whimsical surreal fairy fairytale: mood:dreamy
dark gloomy ominous gothic sinister horror shadow noir: mood:dark
joyful happy cheerful playful vibrant fun festive: mood:joyful
melancholic melancholy sad lonely solitude somber nostalgic wistful: mood:melancholic
pastel pale delicate: mood:pastel
monochrome greyscale grayscale black-and-white monochromatic achromatic: mood:monochrome
neon cyberpunk vaporwave synthwave fluorescent: mood:neon
glowing luminous radiant bioluminescent glow shining: mood:glowing
muted desaturated faded subdued: mood:muted
saturated colourful colorful vivid bright rainbow-coloured: mood:vivid
warm cosy cozy: mood:warm
cold cool chilly: mood:cold
contrast high-contrast chiaroscuro: mood:contrast
bright light: mood:bright
minimal minimalist minimalistic simple: mood:minimal

mountain peak alps alpine summit himalaya fuji mount montaña montagne berg гора 山: subject:mountain
volcano: subject:mountain subject:volcano
hill hillside rolling valley countryside: subject:hills
forest wood woodland jungle pine conifer spruce fir taiga bosque forêt wald лес 森 林: subject:forest
tree oak arbol árbol arbre baum maple willow дерево 木 树: subject:tree
sea ocean coast coastal beach shore seascape bay mar mer meer море 海: subject:sea
wave surf swell tide 波: subject:sea mood:lively
lake pond lagoon reflection lago lac 湖: subject:lake
river stream creek brook río rivière fluss река 川 河: subject:river
waterfall cascade 滝 瀑布: subject:waterfall subject:mountain
island isle islet archipelago 島 岛: subject:island subject:sea
city town skyline cityscape skyscraper downtown metropolis urban: subject:city
street building tokyo ciudad ville stadt город 城 街: subject:city
cyberpunk: subject:city time:night
desert dune sahara sand sandy désert wüste пустыня 砂漠 沙漠: subject:desert
cliff fjord canyon: subject:cliff
meadow field prairie grass grassland pasture garden lawn 草: subject:meadow
flower floral bloom tulip poppy daisy lily: subject:flowers subject:meadow
sunflower wildflower lupin flor fleur blume цветок 花: subject:flowers subject:meadow
moon luna lune mond луна 月: subject:moon
full-moon harvest-moon supermoon: subject:moon subject:bigmoon
crescent: subject:moon subject:crescent
sun sol soleil sonne солнце 日 太陽: subject:sun
star starry starlight constellation estrella étoile stern звезда 星: subject:stars time:night
starlit: subject:stars time:night
milky-way: subject:stars subject:galaxy time:night
galaxy nebula cosmos cosmic space universe interstellar stellar galactic 宇宙: subject:galaxy
planet saturn jupiter mars exoplanet gas-giant 惑星 行星: subject:planet
sky skies heaven heavens 空 天: subject:sky
landscape scenery vista panorama: subject:landscape
comet meteor shooting-star: subject:comet time:night
firework: subject:fireworks time:night
underwater undersea reef seabed submarine deep-sea: subject:underwater
coral seaweed kelp: subject:underwater
cat kitten kitty feline gato chat katze кошка кот 猫: subject:cat
dog puppy wolf fox hund chien perro собака 犬 狗: subject:dog
deer stag elk: subject:deer
bird seagull gull crow raven swallow flock pájaro oiseau vogel птица 鳥 鸟: subject:birds
eagle hawk crane heron owl: subject:birds
whale orca 鯨 鲸: subject:whale
dolphin: subject:fish subject:sea
fish koi goldfish shark 魚 鱼: subject:fish
jellyfish medusa クラゲ 水母: subject:jellyfish
boat ship sailboat yacht sail galleon vessel barco bateau schiff лодка 船: subject:boat
house cabin cottage hut home farm barn village casa maison haus дом 家: subject:house
lighthouse beacon: subject:lighthouse subject:sea
castle palace fortress tower citadel château schloss замок: subject:castle
temple pagoda shrine: subject:pagoda
bridge: subject:bridge
windmill: subject:windmill
portrait face headshot bust: subject:portrait
person man woman girl boy child human people figure silhouette traveller traveler: subject:person
wanderer hiker 1girl 1boy knight wizard samurai witch princess lady 人 女 男: subject:person
couple lover: subject:person subject:couple
balloon hot-air-balloon airship zeppelin: subject:balloon
lantern: subject:lanterns
firefly: subject:fireflies time:night
butterfly: subject:butterflies
mushroom: subject:mushrooms
crystal gem quartz diamond: subject:crystal
abstract nonrepresentational: subject:abstract
geometric geometry mandala bauhaus kandinsky shapes cubist: subject:geometric
pattern fractal fluid marble flow-field liquid swirl: subject:abstract

watercolor watercolour aquarelle gouache wash: style:watercolour
ink sumi-e sumi calligraphy ink-wash brush-ink 水墨: style:ink
poster flat vector minimalist travel-poster screenprint silkscreen cutout: style:poster
oil impasto impressionist impressionism oil-painting van-gogh monet brushstroke painterly: style:oil
pixel-art pixel 8-bit 16-bit 8bit 16bit pixelart: style:pixel art
line-art lineart sketch pencil drawing etching engraving outline: style:line art
low-poly lowpoly polygonal origami: style:low poly
film-grain analog analogue photograph photo cinematic kodak 35mm: style:film
vintage retro old-photo antique polaroid: style:vintage
"""

MOODS: dict[str, dict[str, float]] = {
    # chroma and contrast multiply (as 1 + value), the rest adds; lightness and warmth in OKLab units, glow 0..1
    "calm": {"chroma": -0.12, "contrast": -0.12, "calm": 1.0},
    "lively": {"chroma": 0.08, "calm": -1.0},
    "stormy": {"chroma": -0.22, "lightness": -0.07, "contrast": 0.22, "warmth": -0.012, "calm": -1.0},
    "dreamy": {"chroma": 0.06, "lightness": 0.04, "contrast": -0.18, "glow": 0.55, "violet": 0.025},
    "dark": {"chroma": -0.12, "lightness": -0.15, "contrast": 0.1},
    "joyful": {"chroma": 0.3, "lightness": 0.05, "warmth": 0.012},
    "melancholic": {"chroma": -0.35, "lightness": -0.05, "contrast": -0.1, "warmth": -0.018},
    "pastel": {"chroma": -0.22, "lightness": 0.15, "contrast": -0.34},
    "monochrome": {"chroma": -1.0, "contrast": 0.12},
    "neon": {"chroma": 0.55, "lightness": -0.07, "contrast": 0.25, "glow": 0.8, "violet": 0.05},
    "glowing": {"chroma": 0.12, "glow": 0.8},
    "muted": {"chroma": -0.45},
    "vivid": {"chroma": 0.4, "contrast": 0.1},
    "warm": {"warmth": 0.035},
    "cold": {"warmth": -0.035},
    "contrast": {"contrast": 0.35},
    "bright": {"lightness": 0.07},
    "minimal": {"minimal": 1.0},
}

STYLES = ("painting", "watercolour", "ink", "poster", "oil", "pixel art", "line art", "low poly", "film", "vintage")
"""The finishes, beside `auto`, which takes the style that the prompt names."""


def _read(lines: str) -> dict[str, tuple[str, ...]]:
    effects: dict[str, list[str]] = {}
    for line in filter(None, map(str.strip, lines.splitlines())):
        words, _, rest = line.partition(": ")
        # a style's name may have a space in it
        parts = rest.replace("pixel art", "pixel_art").replace("line art", "line_art").replace("low poly", "low_poly")
        for word in words.split():
            known = effects.setdefault(word, [])
            known.extend(part.replace("_", " ") for part in parts.split() if part not in known)
    return {word: tuple(found) for word, found in effects.items()}


EFFECTS = _read(_LINES)
"""Word -> its effects. Words of several parts are joined by ``-``."""

LONGEST = max(word.count("-") + 1 for word in EFFECTS)
"""The most parts that a known word has."""

IDEOGRAPHS = {word: effects for word, effects in EFFECTS.items() if any("\u3040" <= c <= "\u9fff" for c in word)}
"""Words of scripts that put no spaces between words; they are looked for inside of longer runs."""
