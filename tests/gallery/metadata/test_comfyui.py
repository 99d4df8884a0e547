"""What ComfyUI's graphs come to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cozygen.gallery.metadata import Lora, Summary, comfyui
from tests.gallery.metadata.makers import Graph, node, text_to_image


def summarise(graph: Graph) -> Summary:
    return comfyui.summarise(graph)


def with_text(positive: Any, **nodes: Any) -> str:
    """The positive prompt of the default graph when its encoder gets `positive`."""
    graph = {**text_to_image(), **nodes}
    graph["6"] = node("CLIPTextEncode", text=positive, clip=["4", 1])
    return summarise(graph).positive


def test_the_default_workflow() -> None:
    assert summarise(text_to_image()) == Summary(
        positive="a glass bottle",
        negative="text, watermark",
        models=("v1-5-pruned-emaonly-fp16.safetensors",),
        vae="v1-5-pruned-emaonly-fp16.safetensors",
        sampler="euler",
        scheduler="normal",
        steps=20,
        cfg=8.0,
        seed=156680208700286,
        size=(512, 768),
    )


def test_the_longer_text_is_not_taken_for_the_positive_one() -> None:
    graph = text_to_image()
    graph["7"]["inputs"]["text"] = "a very long negative prompt " * 50
    graph["99"] = node("CLIPTextEncode", text="an encoder that leads nowhere " * 100, clip=["4", 1])
    assert summarise(graph).positive == "a glass bottle"


def test_loras_in_the_order_of_their_application_and_a_vae_of_its_own() -> None:
    graph = text_to_image()
    graph["10"] = node(
        "LoraLoader",
        lora_name="style\\ink.safetensors",
        strength_model=0.8,
        strength_clip=0.5,
        model=["4", 0],
        clip=["4", 1],
    )
    graph["11"] = node("LoraLoaderModelOnly", lora_name="detail.safetensors", strength_model=["12", 0], model=["10", 0])
    graph["12"] = node("PrimitiveFloat", value=0.35)
    graph["13"] = node("LoraLoader", lora_name="off.safetensors", strength_model=0, strength_clip=0, model=["11", 0])
    graph["14"] = node("ModelSamplingFlux", max_shift=1.15, width=64, height=64, model=["13", 0])
    graph["15"] = node("VAELoader", vae_name="ae.safetensors")
    graph["3"]["inputs"]["model"] = ["14", 0]
    graph["8"]["inputs"]["vae"] = ["15", 0]
    summary = summarise(graph)
    assert summary.loras == (Lora("style/ink.safetensors", 0.8, 0.5), Lora("detail.safetensors", 0.35, None))
    assert summary.models == ("v1-5-pruned-emaonly-fp16.safetensors",)
    assert summary.vae == "ae.safetensors"
    assert summary.size == (512, 768)


@pytest.mark.parametrize(
    ("inputs", "loras"),
    [
        (
            {
                "PowerLoraLoaderHeaderWidget": {"type": "PowerLoraLoaderHeaderWidget"},
                "lora_1": {"on": True, "lora": "a.safetensors", "strength": 0.4},
                "lora_2": {"on": True, "lora": "b.safetensors", "strength": 0.8, "strengthTwo": 0.2},
                "lora_3": {"on": False, "lora": "c.safetensors", "strength": 1},
                "lora_4": {"on": True, "lora": "None", "strength": 1},
                "➕ Add Lora": "",
            },
            (Lora("a.safetensors", 0.4, 0.4), Lora("b.safetensors", 0.8, 0.2)),
        ),
        (
            {"lora_01": "a.safetensors", "strength_01": 0.5, "lora_02": "None", "strength_02": 1, "lora_03": "b", "strength_03": 2},
            (Lora("a.safetensors", 0.5, 0.5), Lora("b", 2.0, 2.0)),
        ),
        (
            {
                "switch_1": "On", "lora_name_1": "a", "model_weight_1": 0.7, "clip_weight_1": 0.6,
                "switch_2": "Off", "lora_name_2": "b", "model_weight_2": 1, "clip_weight_2": 1,
            },
            (Lora("a", 0.7, 0.6),),
        ),
        (
            {
                "input_mode": "simple", "lora_count": 1,
                "lora_name_1": "a", "lora_wt_1": 0.9, "model_str_1": 1, "clip_str_1": 1,
                "lora_name_2": "b", "lora_wt_2": 1,
            },
            (Lora("a", 0.9, 0.9),),
        ),
        (
            {"loras": {"__value__": [{"name": "a", "strength": "0.8", "clipStrength": "0.5", "active": True}, {"name": "b", "active": False}]}},
            (Lora("a", 0.8, 0.5),),
        ),
    ],
    ids=["rgthree power", "rgthree stack", "CR stack", "efficiency stacker", "manager"],
)  # fmt: skip
def test_stacks_of_loras(inputs: dict[str, Any], loras: tuple[Lora, ...]) -> None:
    graph = text_to_image()
    graph["10"] = node("Some Lora Stack", model=["4", 0], **inputs)
    graph["3"]["inputs"]["model"] = ["10", 0]
    assert summarise(graph).loras == loras


def test_flux_with_a_guider_and_nodes_for_everything() -> None:
    graph = {
        "1": node(
            "SamplerCustomAdvanced",
            noise=["2", 0],
            guider=["3", 0],
            sampler=["4", 0],
            sigmas=["5", 0],
            latent_image=["6", 0],
        ),
        "2": node("RandomNoise", noise_seed=2**64 - 1),
        "3": node("BasicGuider", model=["7", 0], conditioning=["8", 0]),
        "4": node("KSamplerSelect", sampler_name="euler"),
        "5": node("BasicScheduler", scheduler="simple", steps=25, denoise=1.0, model=["7", 0]),
        "6": node("EmptySD3LatentImage", width=["11", 0], height=["12", 0], batch_size=1),
        "7": node("UnetLoaderGGUF", unet_name="flux1-dev-Q8_0.gguf"),
        "8": node("FluxGuidance", guidance=3.5, conditioning=["9", 0]),
        "9": node(
            "CLIPTextEncodeFlux", clip=["10", 0], clip_l="a fox", t5xxl="a red fox in the snow", guidance=["13", 0]
        ),
        "10": node("DualCLIPLoader", clip_name1="t5", clip_name2="clip_l", type="flux"),
        "11": node("CozyGenIntInput", param_name="width", default_value=1024),
        "12": node("CozyGenDynamicInput", param_name="height", param_type="INT", default_value="1536"),
        "13": node("FloatConstant", value=99.0),
        "14": node("VAEDecode", samples=["1", 0], vae=["15", 0]),
        "15": node("VAELoader", vae_name="ae.safetensors"),
        "16": node("CozyGenOutput", images=["14", 0], filename_prefix="CozyGen/output"),
    }
    assert summarise(graph) == Summary(
        positive="a red fox in the snow\na fox",
        models=("flux1-dev-Q8_0.gguf",),
        vae="ae.safetensors",
        sampler="euler",
        scheduler="simple",
        steps=25,
        guidance=3.5,
        seed=2**64 - 1,
        size=(1024, 1536),
    )


def test_a_guider_with_both_sides_and_samplers_that_are_nodes() -> None:
    graph = text_to_image()
    graph["3"] = node(
        "SamplerCustomAdvanced",
        noise=["20", 0],
        guider=["21", 0],
        sampler=["22", 0],
        sigmas=["23", 0],
        latent_image=["5", 0],
    )
    graph["20"] = node("RandomNoise", noise_seed=["24", 0])
    graph["21"] = node("CFGGuider", model=["4", 0], positive=["6", 0], negative=["7", 0], cfg=4.5)
    graph["22"] = node("SamplerEulerAncestral", eta=1.0, s_noise=1.0)
    graph["23"] = node("SplitSigmas", sigmas=["25", 0], step=3)
    graph["24"] = node("Seed (rgthree)", seed=77)
    graph["25"] = node("KarrasScheduler", steps=30, sigma_max=14.6, sigma_min=0.03, rho=7.0)
    summary = summarise(graph)
    assert (summary.sampler, summary.scheduler, summary.steps) == ("euler_ancestral", "karras", 30)
    assert (summary.seed, summary.cfg, summary.negative) == (77, 4.5, "text, watermark")


def test_a_second_pass_leaves_the_first_pass_its_numbers() -> None:
    graph = text_to_image()
    graph["10"] = node(
        "LatentUpscale", upscale_method="nearest-exact", width=1024, height=1536, crop="disabled", samples=["3", 0]
    )
    graph["11"] = node(
        "KSampler",
        **{
            **graph["3"]["inputs"],
            "seed": 5,
            "steps": 12,
            "denoise": 0.5,
            "model": ["13", 0],
            "latent_image": ["10", 0],
        },
    )
    graph["12"] = node(
        "FaceDetailer",
        image=["8", 0],
        model=["13", 0],
        clip=["13", 1],
        vae=["13", 2],
        positive=["14", 0],
        negative=["7", 0],
        seed=6,
        steps=8,
        cfg=1,
        sampler_name="ddim",
        scheduler="karras",
        sam_model_opt=["15", 0],
    )
    graph["13"] = node("CheckpointLoaderSimple", ckpt_name="refiner.safetensors")
    graph["14"] = node("CLIPTextEncode", text="a detailed face", clip=["13", 1])
    graph["15"] = node("SAMLoader", model_name="sam_vit_b.pth")
    graph["8"]["inputs"]["samples"] = ["11", 0]
    graph["9"]["inputs"]["images"] = ["12", 0]
    summary = summarise(graph)
    assert (summary.seed, summary.steps, summary.size) == (156680208700286, 20, (512, 768))
    assert summary.positive == "a glass bottle"
    assert summary.models == ("v1-5-pruned-emaonly-fp16.safetensors", "refiner.safetensors")


def test_conditionings_that_are_combined_and_turned() -> None:
    graph = text_to_image()
    graph["20"] = node("ConditioningCombine", conditioning_1=["21", 0], conditioning_2=["22", 0])
    graph["21"] = node("ConditioningSetArea", conditioning=["6", 0], width=64, height=64, x=0, y=0, strength=1)
    graph["22"] = node("ConditioningConcat", conditioning_to=["23", 0], conditioning_from=["6", 0])
    graph["23"] = node("CLIPTextEncodeSDXL", clip=["24", 0], text_g="a lake", text_l="a lake", width=1024, height=1024)
    graph["24"] = node("CLIPSetLastLayer", stop_at_clip_layer=-2, clip=["4", 1])
    graph["25"] = node(
        "ControlNetApplyAdvanced",
        positive=["20", 0],
        negative=["7", 0],
        control_net=["26", 0],
        image=["27", 0],
        strength=1,
    )
    graph["3"]["inputs"].update(positive=["25", 0], negative=["25", 1])
    summary = summarise(graph)
    assert summary.positive == "a glass bottle\na lake"
    assert summary.negative == "text, watermark"
    assert summary.clip_skip == 2


def test_the_outputs_of_a_two_sided_node_count_not_the_names_of_the_inputs() -> None:
    graph = text_to_image()
    graph["25"] = node("ControlNetApplyAdvanced", positive=["6", 0], negative=["7", 0], strength=1)
    graph["3"]["inputs"].update(positive=["25", 1], negative=["25", 0])
    assert (summarise(graph).positive, summarise(graph).negative) == ("text, watermark", "a glass bottle")


def test_a_zeroed_conditioning_is_no_negative_prompt() -> None:
    graph = text_to_image()
    graph["3"]["inputs"]["negative"] = ["20", 0]
    graph["20"] = node("ConditioningZeroOut", conditioning=["6", 0])
    assert summarise(graph).negative == ""


@pytest.mark.parametrize(
    ("value", "expected", "nodes"),
    [
        (["a", 0], "typed", {"a": node("PrimitiveStringMultiline", value="typed")}),
        (["a", 0], "typed", {"a": node("PrimitiveNode", value="typed")}),
        (["a", 0], "typed", {"a": node("CozyGenStringInput", param_name="Prompt", priority=1, default_value="typed", display_multiline=True)}),
        (["a", 0], "typed", {"a": node("CozyGenDynamicInput", param_name="p", default_value="typed", choice_type="", choices="x,y")}),
        (["a", 0], "red", {"a": node("CozyGenChoiceInput", param_name="p", choice_type="colour", default_choice="blue", value="red")}),
        (["r", 0], "typed", {"r": node("Reroute", **{"": ["a", 0]}), "a": node("PrimitiveString", value="typed")}),
        (["a", 0], "one, two", {"a": node("StringConcatenate", string_a="one", string_b=["b", 0], delimiter=", "), "b": node("PrimitiveString", value="two")}),
        (["a", 0], "one two ten", {"a": node("JoinStringMulti", inputcount=3, delimiter=" ", string_10="ten", string_2="two", string_1="one")}),
        (["a", 0], "one\nthree", {"a": node("Text Concatenate", delimiter="\\n", clean_whitespace="true", text_a="one", text_b="", text_c="three")}),
        (["a", 0], "one+two", {"a": node("CR Text Concatenate", text1=["b", 0], text2="two", separator=["s", 0]), "b": node("CR Text", text="one"), "s": node("PrimitiveString", value="+")}),
        (["a", 0], "from a model", {"a": node("ShowText|pysssss", text=["b", 0], text_0="from a model"), "b": node("Vision", image=["5", 0], model=["4", 0])}),
        (["a", 0], "typed", {"a": node("ShowText|pysssss", text=["b", 0], text_0="of an earlier run"), "b": node("PrimitiveString", value="typed")}),
        (["a", 0], "a cat", {"a": node("ImpactWildcardProcessor", wildcard_text="a {cat|dog}", populated_text="a cat", mode="populate", seed=4)}),
        (["a", 0], "second", {"a": node("CR Text Input Switch", Input=2, text1="first", text2=["b", 0]), "b": node("CR Text", text="second")}),
        (["a", 0], "second", {"a": node("ImpactSwitch", select=["s", 0], sel_mode=False, input1=["b", 0], input2=["c", 0]), "s": node("PrimitiveInt", value=2), "b": node("CR Text", text="first"), "c": node("CR Text", text="second")}),
        (["a", 0], "no", {"a": node("ComfySwitchNode", switch=False, on_false="no", on_true="yes")}),
        (["a", 0], "yes", {"a": node("easy ifElse", boolean=["s", 0], on_true="yes", on_false="no"), "s": node("PrimitiveBoolean", value=True)}),
        (["a", 0], "first", {"a": node("easy anythingIndexSwitch", index=0, value0=["b", 0], value1=["c", 0]), "b": node("CR Text", text="first"), "c": node("CR Text", text="second")}),
        (["a", 0], "first", {"a": node("Any Switch (rgthree)", any_01=["b", 0], any_02=["c", 0]), "b": node("CR Text", text="first"), "c": node("CR Text", text="second")}),
        (["a", 0], "first\nsecond", {"a": node("Text Switch", index=["unknown node", 0], text1="first", text2="second")}),
        (["a", 1], "pos", {"a": node("SDXL Prompt Styler", text_positive="pos", text_negative="neg", style="x")}),
        (["a", 0], "42", {"a": node("IntToString", value=42)}),
        (["a", 0], "", {"a": node("Loop", text=["b", 0]), "b": node("Loop", text=["a", 0])}),
        (["nowhere", 0], "", {}),
    ],
)  # fmt: skip
def test_where_a_prompt_may_be_typed(value: Any, expected: str, nodes: Graph) -> None:
    assert with_text(value, **nodes) == expected


def test_switches_choose_models_and_conditionings_too() -> None:
    graph = text_to_image()
    graph["20"] = node("CR Model Input Switch", Input=2, model1=["4", 0], model2=["21", 0])
    graph["21"] = node("UNETLoader", unet_name="chosen.safetensors", weight_dtype="default")
    graph["22"] = node("CR Conditioning Input Switch", Input=1, conditioning1=["23", 0], conditioning2=["6", 0])
    graph["23"] = node("CLIPTextEncode", text="chosen", clip=["4", 1])
    graph["3"]["inputs"].update(model=["20", 0], positive=["22", 0])
    assert summarise(graph).models == ("chosen.safetensors",)
    assert summarise(graph).positive == "chosen"


def test_one_node_that_loads_and_encodes_everything() -> None:
    graph = {
        "1": node(
            "Efficient Loader", ckpt_name="a.safetensors", vae_name="Baked VAE", clip_skip=-2, lora_name="b.safetensors",
            lora_model_strength=0.6, lora_clip_strength=0.4, positive="a house", negative=["3", 0],
            empty_latent_width=640, empty_latent_height=480, batch_size=1,
        ),
        "2": node(
            "KSampler (Efficient)", seed=9, steps=11, cfg=7, sampler_name="euler_ancestral", scheduler="karras", denoise=1,
            model=["1", 0], positive=["1", 1], negative=["1", 2], latent_image=["1", 3], optional_vae=["1", 4],
        ),
        "3": node("PrimitiveString", value="ugly"),
        "4": node("PreviewImage", images=["2", 5]),
    }  # fmt: skip
    summary = summarise(graph)
    assert (summary.positive, summary.negative) == ("a house", "ugly")
    assert summary.models == ("a.safetensors",)
    assert summary.loras == (Lora("b.safetensors", 0.6, 0.4),)
    assert (summary.size, summary.seed, summary.vae) == ((640, 480), 9, "a.safetensors")


def test_bundles_of_links() -> None:
    graph = text_to_image()
    graph["20"] = node("Context (rgthree)", base_ctx=["21", 0])
    graph["21"] = node(
        "Context (rgthree)",
        model=["4", 0],
        clip=["4", 1],
        vae=["4", 2],
        positive=["6", 0],
        negative=["7", 0],
        latent=["5", 0],
    )
    graph["3"]["inputs"].update(model=["20", 1], positive=["20", 4], negative=["20", 5], latent_image=["20", 6])
    assert summarise(graph) == summarise(text_to_image())


def test_text_embeddings_of_a_video_model() -> None:
    graph = {
        "1": node("WanVideoSampler", model=["2", 0], text_embeds=["3", 0], image_embeds=["4", 0], steps=30, cfg=6.0, shift=5, seed=4, scheduler="unipc"),
        "2": node("WanVideoModelLoader", model="Wan2_1-T2V-14B.safetensors", base_precision="bf16", lora=["5", 0]),
        "3": node("WanVideoTextEncode", positive_prompt="waves", negative_prompt="still", t5=["6", 0]),
        "4": node("WanVideoEmptyEmbeds", width=832, height=480, num_frames=81),
        "5": node("WanVideoLoraSelect", lora="speed.safetensors", strength=1.0),
        "7": node("WanVideoDecode", vae=["8", 0], samples=["1", 0]),
        "8": node("WanVideoVAELoader", model_name="wan_vae.safetensors"),
        "9": node("VHS_VideoCombine", images=["7", 0], frame_rate=16, filename_prefix="wan", format="video/h264-mp4"),
    }  # fmt: skip
    summary = summarise(graph)
    assert (summary.positive, summary.negative) == ("waves", "still")
    assert summary.models == ("Wan2_1-T2V-14B.safetensors",)
    assert summary.loras == (Lora("speed.safetensors", 1.0, None),)
    assert (summary.steps, summary.cfg, summary.seed, summary.scheduler) == (30, 6.0, 4, "unipc")
    assert summary.size == (832, 480)
    assert summary.vae == "wan_vae.safetensors"


def test_two_samplers_of_a_video_model_share_the_latent_video() -> None:
    graph = text_to_image()
    graph["10"] = node(
        "KSamplerAdvanced",
        add_noise="enable",
        noise_seed=8,
        steps=20,
        cfg=3.5,
        sampler_name="euler",
        scheduler="simple",
        start_at_step=0,
        end_at_step=10,
        model=["11", 0],
        positive=["12", 0],
        negative=["12", 1],
        latent_image=["12", 2],
    )
    graph["11"] = node("UNETLoader", unet_name="wan2.2_high.safetensors", weight_dtype="default")
    graph["12"] = node(
        "WanImageToVideo",
        positive=["6", 0],
        negative=["7", 0],
        vae=["4", 2],
        width=720,
        height=1280,
        length=81,
        batch_size=1,
        start_image=["13", 0],
    )
    graph["13"] = node("LoadImage", image="start.png")
    graph["3"] = node(
        "KSamplerAdvanced",
        add_noise="disable",
        noise_seed=0,
        steps=20,
        cfg=1.0,
        sampler_name="euler",
        scheduler="simple",
        start_at_step=10,
        end_at_step=10000,
        model=["14", 0],
        positive=["12", 0],
        negative=["12", 1],
        latent_image=["10", 0],
    )
    graph["14"] = node("UNETLoader", unet_name="wan2.2_low.safetensors", weight_dtype="default")
    summary = summarise(graph)
    assert summary.models == ("wan2.2_high.safetensors", "wan2.2_low.safetensors")
    assert (summary.seed, summary.cfg, summary.size) == (8, 3.5, (720, 1280))
    assert (summary.positive, summary.negative) == ("a glass bottle", "text, watermark")


def test_a_node_that_paints_by_itself() -> None:
    graph = {
        "1": node(
            "CozyGenPainter",
            prompt=["2", 0],
            negative="night",
            seed=["3", 0],
            width=640,
            height=960,
            steps=12,
            style="dunes",
        ),
        "2": node("CozyGenStringInput", param_name="Prompt", default_value="a quiet lake"),
        "3": node("CozyGenIntInput", param_name="Seed", default_value=1234),
        "4": node("CozyGenOutput", images=["1", 0], filename_prefix=["5", 0]),
        "5": node("PrimitiveString", value="not the prompt"),
    }
    assert summarise(graph) == Summary(positive="a quiet lake", negative="night", seed=1234, steps=12, size=(640, 960))


def test_a_remote_model() -> None:
    graph = {
        "1": node("OpenAIDalle3", prompt="a kite", seed=3, quality="hd", size="1024x1792", model="dall-e-3"),
        "2": node("SaveImage", images=["1", 0]),
    }
    summary = summarise(graph)
    assert (summary.positive, summary.models, summary.size) == ("a kite", ("dall-e-3",), (1024, 1792))


def test_a_caption_is_no_prompt() -> None:
    graph = {
        "1": node("DrawText", text="Summer 2024", image=["2", 0], width=64, height=64),
        "2": node("LoadImage", image="a.png"),
        "3": node("SaveImage", images=["1", 0]),
    }
    assert summarise(graph) == Summary()


def test_what_is_saved_counts_more_than_what_is_shown() -> None:
    graph = {"90": node("PreviewImage", images=["91", 0]), "91": node("VAEDecode", samples=["92", 0], vae=["4", 2])}
    graph["92"] = node("KSampler", **{**text_to_image()["3"]["inputs"], "seed": 1})
    assert summarise({**graph, **text_to_image()}).seed == 156680208700286


def test_graphs_of_nonsense() -> None:
    assert summarise({}) == Summary()
    assert summarise({"1": {"class_type": "KSampler"}}) == Summary()
    assert summarise({"1": node("SaveImage", images=["1", 0])}) == Summary()
    odd: dict[str, Any] = {
        "seed": [[]],
        "steps": {"a": 1},
        "cfg": "high",
        "model": True,
        "positive": [1, 2, 3],
        "latent_image": ["1", "0"],
    }
    assert summarise({"1": node("KSampler", **odd), "2": node("SaveImage", images=["1", 0])}) == Summary()


def test_numbers_as_text_and_numbers_out_of_range() -> None:
    graph = text_to_image()
    graph["3"]["inputs"].update(seed="99", steps="30", cfg="7.5")
    graph["5"]["inputs"].update(width="640", height=-5)
    summary = summarise(graph)
    assert (summary.seed, summary.steps, summary.cfg, summary.size) == (99, 30, 7.5, None)
    graph["3"]["inputs"].update(seed=10**400, steps=1.5, cfg=10**400)
    summary = summarise(graph)
    assert (summary.seed, summary.steps, summary.cfg) == (None, None, None)


def test_ten_thousand_nodes_in_a_row() -> None:
    graph = text_to_image()
    for index in range(10_000):
        graph[f"text{index}"] = node("StringConcatenate", string_a=[f"text{index + 1}", 0], string_b="", delimiter="")
        graph[f"cond{index}"] = node(
            "ConditioningCombine", conditioning_1=[f"cond{index + 1}", 0], conditioning_2=["6", 0]
        )
        graph[f"model{index}"] = node(
            "LoraLoaderModelOnly", lora_name=f"l{index % 7}", strength_model=1, model=[f"model{index + 1}", 0]
        )
        graph[f"latent{index}"] = node("LatentUpscaleBy", samples=[f"latent{index + 1}", 0], scale_by=1)
        graph[f"switch{index}"] = node(
            "ComfySwitchNode", switch=[f"switch{index + 1}", 0], on_true=True, on_false=False
        )
    graph["text10000"] = node("ComfySwitchNode", switch=["switch0", 0], on_true="deep", on_false="flat")
    graph["switch10000"] = node("PrimitiveBoolean", value=True)
    graph |= {"cond10000": graph["6"], "model10000": graph["4"], "latent10000": graph["5"]}
    graph["6"] = node("CLIPTextEncode", text=["text0", 0], clip=["4", 1])
    graph["3"]["inputs"].update(positive=["cond0", 0], model=["model0", 0], latent_image=["latent0", 0])
    summary = summarise(graph)
    assert summary.size == (512, 768)
    assert summary.models == ("v1-5-pruned-emaonly-fp16.safetensors",)
    assert len(summary.loras) == 7


def test_texts_that_double_with_every_node_stay_bounded() -> None:
    graph = text_to_image()
    for index in range(3000):
        graph[f"t{index}"] = node(
            "StringConcatenate", string_a=[f"t{index + 1}", 0], string_b=[f"t{index + 1}", 0], delimiter=""
        )
    graph["t2990"] = node("PrimitiveString", value="x" * 1000)
    graph["6"]["inputs"]["text"] = ["t2970", 0]
    assert len(summarise(graph).positive) == 64 * 1024
    graph["6"]["inputs"]["text"] = ["t0", 0]
    assert len(summarise(graph).positive) <= 64 * 1024


def test_a_graph_in_which_everything_is_linked_with_everything() -> None:
    names = (
        "model",
        "positive",
        "negative",
        "latent_image",
        "conditioning",
        "text",
        "seed",
        "samples",
        "vae",
        "clip",
        "pipe",
    )
    graph: Graph = {}
    for index in range(200):
        graph[str(index)] = node(
            "KSampler" if index % 3 else "Text Switch",
            steps=3,
            **{name: [str((index * 7 + at * 31) % 200), 0] for at, name in enumerate(names)},
        )
    graph["out"] = node("SaveImage", images=["1", 0])
    assert summarise(graph).positive == ""


_KINDS = [
    "KSampler", "SamplerCustomAdvanced", "CFGGuider", "CLIPTextEncode", "SaveImage", "ComfySwitchNode", "Any Switch (rgthree)",
    "StringConcatenate", "LoraLoader", "CheckpointLoaderSimple", "Reroute", "CozyGenChoiceInput", "CozyGenPainter", "Context (rgthree)",
]  # fmt: skip
_NAMES = [
    "model", "positive", "negative", "latent_image", "samples", "guider", "sigmas", "noise", "sampler", "steps", "seed", "cfg", "text", "value",
    "string_a", "string_b", "delimiter", "switch", "on_true", "on_false", "lora_name", "lora_1", "strength_1", "strength_model", "ckpt_name", "vae",
    "clip", "width", "height", "images", "base_ctx", "prompt", "conditioning", "text_embeds", "select", "index", "", "toggle", "lora_count",
]  # fmt: skip
_values = st.one_of(
    st.tuples(st.integers(0, 9).map(str), st.integers(0, 2)).map(list),
    st.sampled_from(
        [
            "a text",
            "",
            "None",
            "On",
            "off",
            "12",
            "true",
            True,
            False,
            None,
            0,
            -1,
            2.5,
            10**30,
            [],
            {},
            [1],
            {"lora": "a", "on": True},
        ]
    ),
    st.just({"__value__": [{"name": "a", "strength": []}, 3, None]}),
)
_nodes = st.builds(
    lambda kind, inputs: node(kind, **inputs),
    st.sampled_from(_KINDS),
    st.dictionaries(st.sampled_from(_NAMES), _values, max_size=9),
)


@given(st.dictionaries(st.integers(0, 9).map(str), _nodes, max_size=10))
def test_any_graph_has_a_summary(graph: Graph) -> None:
    summarise(graph).to_json().encode()
