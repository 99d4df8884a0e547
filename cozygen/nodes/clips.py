"""Clips between files and arrays: MP4 (H.264, AAC), WebM (VP9 or AV1, Opus) and GIF."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import av
import numpy as np
from av.audio.stream import AudioStream
from av.stream import Disposition
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream
from PIL import Image

from cozygen.nodes.host import Clip
from cozygen.nodes.limits import TooLarge, check_size
from cozygen.nodes.locate import FileRefused, find, shown
from cozygen.nodes.metadata import comment
from cozygen.nodes.pictures import Animation, ByteArray, FloatArray, Step, as_bytes, as_image, save_animated

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.video.frame import VideoFrame

_HEAD = 12  # bytes that tell what a file is
_MOV_ATOMS = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_SLOWEST, _FASTEST = 0.01, 1000.0  # frames a second
_BT709 = 1  # H.273: the number of BT.709 among primaries, transfer functions and matrices
_LIMITED_RANGE = 1  # FFmpeg's AVCOL_RANGE_MPEG
_AUDIO_RATE = 48_000  # samples a second; taken by AAC and Opus alike
_AUDIO_CHUNK = 4096  # samples
_SAMPLED_FRAMES = 12  # from which a GIF's palette is made
_SAMPLED_EDGE = 160  # pixels
_SHORTEST_GIF_FRAME = 2  # hundredths of a second; browsers slow anything faster down to 10


@dataclass(frozen=True)
class Film:
    """What is to be encoded.

    `images`: ``[frames, h, w, c]``; alpha is dropped. `order`: which frames to show, in order. `frame_rate`: frames a
    second, 0.01 to 1000. `tags`: metadata, key -> text. `audio`: as in `Clip`; what lasts longer than the pictures is
    cut. Raises `ValueError` for another rate, and for no frames.
    """

    images: FloatArray
    frame_rate: float
    order: Sequence[int]
    tags: Mapping[str, str] = field(default_factory=dict)
    audio: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if not len(self.order):
            raise ValueError("There are no pictures to make a clip of.")
        if not _SLOWEST <= self.frame_rate <= _FASTEST:
            raise ValueError(f"A clip of {self.frame_rate:g} frames a second cannot be made.")

    def rate(self) -> Fraction:
        """Frames a second, as a ratio that every container takes; 24000/1001 and its like are kept exactly."""
        ratios = (Fraction(round(self.frame_rate * base), base) for base in (1000, 1001))
        return min(ratios, key=lambda ratio: abs(ratio - Fraction(self.frame_rate)))

    def frame(self, place: int, *, even: bool) -> ByteArray:
        """A frame ``[h, w, 3]`` by its place in the film; `even` repeats the last row and column where needed."""
        data = as_bytes(self.images[self.order[place]])
        data = np.repeat(data, 3, axis=2) if data.shape[2] == 1 else data[:, :, :3]
        if even and (data.shape[0] % 2 or data.shape[1] % 2):
            data = np.pad(data, ((0, data.shape[0] % 2), (0, data.shape[1] % 2), (0, 0)), "edge")
        return np.ascontiguousarray(data)


def playing_order(frames: int, *, pingpong: bool, repeats: int = 0) -> list[int]:
    """The frames of a clip in playing order: back again with `pingpong` (its ends once), and `repeats` more times."""
    order = list(range(frames))
    if pingpong:
        order += order[-2:0:-1]
    return order * (repeats + 1)


def save_mp4(path: Path, film: Film, step: Step) -> None:
    """Write H.264 (4:2:0, BT.709) with AAC; an odd width or height grows by one pixel. Playable while it loads."""
    options = {"crf": "19", "preset": "medium"}
    container = {"movflags": "use_metadata_tags+faststart"}
    _encode(path, "mp4", film, step, _VideoCodec("libx264", "yuv420p", options, even=True), "aac", container)


def save_webm(path: Path, film: Film, step: Step, *, codec: str = "vp9", crf: float = 24) -> None:
    """Write VP9 (or AV1 with `codec` ``av1``) with Opus. `crf` is the quality: 0 best, 63 worst."""
    if codec == "av1":
        video = _VideoCodec("libsvtav1", "yuv420p10le", {"crf": f"{crf:g}", "preset": "6"}, even=True)
    else:
        options = {"crf": f"{crf:g}", "deadline": "good", "cpu-used": "4", "row-mt": "1"}
        video = _VideoCodec("libvpx-vp9", "yuv420p", options, even=False)
    _encode(path, "webm", film, step, video, "libopus", {})


def save_gif(path: Path, film: Film, step: Step, *, repeats: int = 0) -> None:
    """Write a GIF of one palette for all frames. `repeats`: how often it plays again; 0 is for ever."""
    palette = _common_palette(film)
    animation = Animation(
        film.images[..., :3],
        step,
        film.order,
        lambda frame: frame.convert("RGB").quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG),
    )
    durations = [10 * ticks for ticks in _gif_ticks(len(film.order), film.frame_rate)]
    save_animated(
        path, "GIF", animation, duration=durations, loop=repeats, comment=comment(film.tags), optimize=False, disposal=1
    )


def _gif_ticks(frames: int, frame_rate: float) -> list[int]:
    """How long each frame shows, in hundredths of a second; together as long as the rate says."""
    ends = [round((place + 1) * 100 / frame_rate) for place in range(frames)]
    starts = [0, *ends[:-1]]
    return [min(65535, max(_SHORTEST_GIF_FRAME, end - start)) for start, end in zip(starts, ends, strict=True)]


def _common_palette(film: Film) -> Image.Image:
    """A picture with the 256 colours that do best for frames from all over the film."""
    step = max(1, math.ceil(len(film.images) / _SAMPLED_FRAMES))
    samples = []
    for values in film.images[::step]:
        sample = as_image(values[..., :3]).convert("RGB")
        sample.thumbnail((_SAMPLED_EDGE, _SAMPLED_EDGE), Image.Resampling.BOX)
        samples.append(sample)
    sheet = Image.new("RGB", (samples[0].width, samples[0].height * len(samples)))
    for place, sample in enumerate(samples):
        sheet.paste(sample, (0, place * samples[0].height))
    return sheet.quantize(256, Image.Quantize.MEDIANCUT)


@dataclass(frozen=True)
class _VideoCodec:
    name: str
    pixels: str
    options: dict[str, str]
    even: bool


def _encode(
    path: Path,
    format: str,
    film: Film,
    step: Step,
    codec: _VideoCodec,
    audio_codec: str,
    options: dict[str, str],
) -> None:
    with _encoder_errors(codec.name), av.open(str(path), "w", format=format, options=options) as output:
        for key, value in film.tags.items():
            output.metadata[key] = value
        first = film.frame(0, even=codec.even)
        video = output.add_stream(codec.name, rate=film.rate())
        assert isinstance(video, VideoStream)
        video.width, video.height = first.shape[1], first.shape[0]
        video.pix_fmt, video.bit_rate, video.options = codec.pixels, 0, {**codec.options}
        context = video.codec_context
        context.color_primaries = context.color_trc = context.colorspace = _BT709
        context.color_range = _LIMITED_RANGE
        sound = _Sound(output, audio_codec, film) if film.audio is not None else None
        total = len(film.order)
        for place in range(total):
            output.mux(video.encode(_yuv_frame(film.frame(place, even=codec.even), codec.pixels, place, film.rate())))
            if place == 0:
                _calm_down()  # the first frame opens the encoder
            if sound is not None:
                sound.encode_until((place + 1) / film.rate())
            step(place + 1, total)
        output.mux(video.encode(None))
        if sound is not None:
            sound.finish()


def _calm_down() -> None:
    """Give up real-time scheduling.

    Where it may (as root), SVT-AV1 takes it for its own threads and for the one that calls it, with the highest
    priority and for good: nothing else would run on the machine, and child processes would inherit it.
    """
    if not hasattr(os, "sched_setscheduler"):
        return
    with suppress(OSError):
        for thread in [int(task.name) for task in Path("/proc/self/task").iterdir()]:
            with suppress(OSError):  # it has ended
                if os.sched_getscheduler(thread) == os.SCHED_FIFO:
                    os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))


@contextmanager
def _encoder_errors(codec: str) -> Iterator[None]:
    """FFmpeg's errors that are not the disk's, without the file's name. Raises `ValueError`."""
    try:
        yield
    except av.error.FFmpegError as error:
        if isinstance(error, OSError):
            raise
        raise ValueError(f"These pictures cannot be encoded by {codec}: {error.strerror}.") from error


def _yuv_frame(data: ByteArray, pixels: str, place: int, rate: Fraction) -> VideoFrame:
    frame = av.VideoFrame.from_ndarray(data, format="rgb24")
    frame = frame.reformat(format=pixels, dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)
    frame.pts, frame.time_base = place, 1 / rate
    return frame


class _Sound:
    """The audio track: encoded bit by bit beside the pictures, so that the container can interleave them."""

    def __init__(self, output: OutputContainer, codec: str, film: Film) -> None:
        waveform, self._rate = audio_samples(film.audio)
        length = math.ceil(len(film.order) / film.rate() * self._rate)
        self._samples = np.ascontiguousarray(waveform[:, :length])
        self._layout = "mono" if len(self._samples) == 1 else "stereo"
        self._output = output
        stream = output.add_stream(codec, rate=_AUDIO_RATE, layout=self._layout)
        assert isinstance(stream, AudioStream)
        self._stream = stream
        self._resampler = av.AudioResampler("fltp", self._layout, _AUDIO_RATE)
        self._place = 0

    def encode_until(self, seconds: Fraction) -> None:
        end = min(self._samples.shape[1], math.ceil(seconds * self._rate))
        while self._place < end:
            chunk = self._samples[:, self._place : self._place + _AUDIO_CHUNK]
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(chunk), format="fltp", layout=self._layout)
            frame.sample_rate, frame.pts = self._rate, self._place
            frame.time_base = Fraction(1, self._rate)
            self._place += chunk.shape[1]
            self._encode(self._resampler.resample(frame))

    def finish(self) -> None:
        self.encode_until(Fraction(self._samples.shape[1], self._rate))
        self._encode(self._resampler.resample(None))
        self._output.mux(self._stream.encode(None))

    def _encode(self, frames: Sequence[Any]) -> None:
        for frame in frames:
            self._output.mux(self._stream.encode(frame))


def audio_samples(audio: Any) -> tuple[FloatArray, int]:
    """The first clip of an AUDIO value, as mono or stereo ``[channels, samples]``, and samples a second.

    Raises `ValueError` for what is no audio.
    """
    try:
        waveform = np.asarray(audio["waveform"], np.float32)
        rate = int(audio["sample_rate"])
    except (TypeError, KeyError, ValueError):
        raise ValueError("The audio has no waveform and sample rate.") from None
    if waveform.ndim != 3 or 0 in waveform.shape[:2] or not 0 < rate <= 768_000:
        raise ValueError(f"The audio has the shape {list(waveform.shape)} at {rate} samples a second.")
    return np.nan_to_num(waveform[0, :2]), rate


def check_clip(name: str) -> None:
    """See that a prompt's `name` is that of a video. Raises `FileRefused` with a sentence otherwise."""
    with _opened(name):
        pass


def load_clip(name: str, step: Step) -> Clip:
    """The video that a prompt calls `name` (see `cozygen.nodes.locate.find`): all frames, upright, and its sound.

    Raises `FileRefused` for what is missing, damaged or too large.
    """
    with _opened(name) as container:
        video = _pictures(container)
        assert video is not None  # `_opened` raises for a file without pictures
        rate = video.average_rate or video.guessed_rate or Fraction(24)
        total = max(1, video.frames)
        frames: list[ByteArray] = []
        for frame in container.decode(video):
            check_size(f"The video {shown(name)}", len(frames) + 1, frame.height, frame.width, 3)
            data = _rgb(frame)
            if not frames or data.shape == frames[0].shape:
                frames.append(data)
            step(min(len(frames), total), total)
        if not frames:
            raise FileRefused(f"The video {shown(name)} has no picture that can be read.")
        metadata = dict(container.metadata)
        audio = _load_audio(container)
    images = np.empty((len(frames), *frames[0].shape), np.float32)
    for place, data in enumerate(frames):
        np.divide(data, np.float32(255), out=images[place])
    return Clip(images, float(rate), audio, metadata)


@contextmanager
def _opened(name: str) -> Iterator[InputContainer]:
    path = find(name)
    try:
        with (
            path.open("rb") as stream,
            av.open(stream, "r", format=_demuxer(stream), metadata_errors="replace") as found,
        ):
            if _pictures(found) is None:
                raise FileRefused(f"The file {shown(name)} has no video in it.")
            yield found
    except TooLarge as error:
        raise FileRefused(str(error)) from None
    except (av.error.FFmpegError, OSError, EOFError) as error:
        raise FileRefused(f"The video {shown(name)} cannot be read: it is damaged, or of another kind.") from error


def _demuxer(stream: BinaryIO) -> str:
    """FFmpeg's name of the file's format. It is not left to guess, since playlists could pass for videos."""
    head = stream.read(_HEAD)
    stream.seek(0)
    if head[4:8] in _MOV_ATOMS:
        return "mov"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "matroska"
    if head.startswith(b"GIF8"):
        return "gif"
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return "avi"
    raise EOFError("not a known container")


def _pictures(container: InputContainer) -> VideoStream | None:
    """The first video stream that is no cover picture."""
    return next((s for s in container.streams.video if not s.disposition & Disposition.attached_pic), None)


def _rgb(frame: VideoFrame) -> ByteArray:
    data = frame.to_ndarray(format="rgb24")
    turned = np.rot90(data, round(frame.rotation / 90) % 4)
    return np.ascontiguousarray(turned, np.uint8)


def _load_audio(container: InputContainer) -> dict[str, Any] | None:
    if not container.streams.audio:
        return None
    stream = container.streams.audio[0]
    resampler = av.AudioResampler("fltp")
    container.seek(0)
    parts: list[FloatArray] = []
    size = 0
    for decoded in container.decode(stream):
        for frame in resampler.resample(decoded):
            parts.append(frame.to_ndarray().astype(np.float32, copy=False))
            size += parts[-1].size
            check_size("The sound of the video", size)
    if not parts:
        return None
    return {"waveform": np.concatenate(parts, axis=1)[None], "sample_rate": int(stream.rate)}
