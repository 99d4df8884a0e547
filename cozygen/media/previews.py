"""What shows more of a film or a sound than one picture: a clip, a strip of frames, a waveform. Runs in a worker."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, BinaryIO

import av
import numpy as np
from av.audio.resampler import AudioResampler
from PIL import Image, ImageDraw

from cozygen.media import films, placeholders
from cozygen.media.sniff import Undecodable

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

CLIP_SECONDS = 4.0
"""Length of a clip, at most; the whole of a film that is not longer."""

_SCENES = 4  # that the clip of a longer film is put together from
_CLIP_RATE = 12
_CODECS = (
    ("libx264", "mp4", {"preset": "veryfast", "crf": "30"}),
    ("libvpx-vp9", "webm", {"crf": "40", "cpu-used": "8"}),
)
_TICK = Fraction(1, 1000)  # of a second, in a clip
_AHEAD_SECONDS = 10.0  # further than so, seeking is quicker than decoding
_TIME = 1_000_000  # a container's times are in microseconds
_WAVE_RATE = 8000
_WAVE_PIECE = 80  # samples that become one peak
_BAR, _GAP = 3, 2  # pixels


def clip(stream: BinaryIO, name: str, box: int) -> bytes:
    """A silent film of `CLIP_SECONDS` at most that fits `box` x `box`: MP4 (H.264), or WebM (VP9) where need be."""
    with films.opened(stream, name) as container:
        video = films.main_video(container)
        seconds = films.duration(container, video)
        if seconds is None or seconds <= CLIP_SECONDS:
            starts, length = [0.0], CLIP_SECONDS
        else:
            starts = [seconds * number / _SCENES for number in range(_SCENES)]
            length = CLIP_SECONDS / _SCENES
        scenes = _scenes(container, video, starts, length)
        return _film((time, _even(films.picture(frame, video, box))) for time, frame in scenes)


def strip(stream: BinaryIO, name: str, box: int, count: int) -> Image.Image:
    """`count` frames from beginning to end of a film, side by side, each to fit `box` x `box`: RGB."""
    with films.opened(stream, name) as container:
        video = films.main_video(container)
        seconds = films.duration(container, video) or 0.0
        times = [seconds * (number + 0.5) / count for number in range(count)]
        cells = [films.picture(frame, video, box) for frame in _frames_at(container, video, times)]
        width, height = cells[0].size
        result = Image.new("RGB", (width * count, height))
        for number, cell in enumerate(cells):
            result.paste(cell.resize((width, height)), (number * width, 0))
        return result


def waveform(stream: BinaryIO, name: str, width: int, height: int) -> Image.Image:
    """The loudness of a sound over its time, as bars: RGB."""
    with films.opened(stream, name) as container:
        if not container.streams.audio:
            raise Undecodable("no sound in it")
        peaks = _peaks(container)
    picture = placeholders.ground(width, height)
    pen = ImageDraw.Draw(picture)
    bars = max(1, width // (_BAR + _GAP))
    edges = np.linspace(0, len(peaks), bars + 1).astype(int)
    loudest = max(1, int(peaks.max()))
    left = (width - bars * (_BAR + _GAP) + _GAP) // 2
    for number in range(bars):
        piece = peaks[edges[number] : max(edges[number + 1], edges[number] + 1)]
        half = max(1.0, float(piece.max(initial=0)) / loudest * height * 0.42)
        x = left + number * (_BAR + _GAP)
        pen.rounded_rectangle((x, height / 2 - half, x + _BAR - 1, height / 2 + half), _BAR // 2, fill=placeholders.INK)
    return picture


def _scenes(
    container: InputContainer, video: VideoStream, starts: Sequence[float], length: float
) -> Iterator[tuple[float, VideoFrame]]:
    """Frames, `_CLIP_RATE` a second at most, with their times in the clip.

    There are `length` seconds from each of `starts`, or from the key frame before it.
    """
    last = -1.0
    for scene, start in enumerate(starts):
        first: float | None = None
        wanted = 0
        _seek(container, start)
        for frame in films.frames(container, video):
            time = _time(container, frame)
            if time <= last:
                continue  # the key frame before is that of the previous scene
            first = time if first is None else first
            if time - first >= length:
                break
            if time - first >= wanted / _CLIP_RATE - 1e-6:
                wanted = int((time - first) * _CLIP_RATE) + 1
                last = time
                yield scene * length + time - first, frame


def _frames_at(container: InputContainer, video: VideoStream, times: Sequence[float]) -> Iterator[VideoFrame]:
    """The frame that is shown at each of `times`, in ascending order; the last one for those beyond the end."""
    running = films.frames(container, video)
    shown = next(running)
    coming: VideoFrame | None = shown
    for time in times:
        if coming is not None and time - _time(container, coming) > _AHEAD_SECONDS:
            _seek(container, time)
            running = films.frames(container, video)
            coming = next(running)
        while coming is not None and _time(container, coming) <= time:
            shown = coming
            coming = next(running, None)
        yield shown


def _time(container: InputContainer, frame: VideoFrame) -> float:
    """Seconds from the film's beginning."""
    return (frame.time or 0.0) - (container.start_time or 0) / _TIME


def _seek(container: InputContainer, seconds: float) -> None:
    container.seek((container.start_time or 0) + int(seconds * _TIME), backward=True)


def _even(picture: Image.Image) -> Image.Image:
    """Cut to an even number of pixels each way, which most codecs want."""
    width, height = max(2, picture.width & ~1), max(2, picture.height & ~1)
    return picture if picture.size == (width, height) else picture.resize((width, height))


def _film(pictures: Iterator[tuple[float, Image.Image]]) -> bytes:
    """A film of pictures with their times in seconds. Raises `Undecodable` when there are none."""
    first = next(pictures, None)
    if first is None:
        raise Undecodable("no frame can be decoded")
    size = first[1].size
    codec, container, options = next(entry for entry in _CODECS if entry[0] in av.codecs_available)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        stream: Any = output.add_stream(codec, rate=_CLIP_RATE, options=options)
        stream.pix_fmt, (stream.width, stream.height) = "yuv420p", size
        stream.codec_context.time_base = _TICK
        for time, picture in itertools.chain([first], pictures):
            frame = av.VideoFrame.from_image(picture.resize(size))  # type: ignore[no-untyped-call]
            frame.pts, frame.time_base = round(time / _TICK), _TICK
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return buffer.getvalue()


def _peaks(container: InputContainer) -> np.ndarray[Any, np.dtype[np.int32]]:
    """The largest amplitude (0..32768) in each hundredth of a second, one at least."""
    resampler = AudioResampler(format="s16", layout="mono", rate=_WAVE_RATE)
    pieces: list[Any] = []
    rest = np.zeros(0, np.int32)
    for sound in films.sounds(container, container.streams.audio[0]):
        for frame in resampler.resample(sound):
            samples = np.concatenate([rest, np.abs(frame.to_ndarray().reshape(-1).astype(np.int32))])
            whole = len(samples) // _WAVE_PIECE * _WAVE_PIECE
            pieces.append(samples[:whole].reshape(-1, _WAVE_PIECE).max(axis=1))
            rest = samples[whole:]
    if len(rest):
        pieces.append(np.array([rest.max()], np.int32))
    peaks = np.concatenate(pieces) if pieces else rest
    return peaks if len(peaks) else np.zeros(1, np.int32)
