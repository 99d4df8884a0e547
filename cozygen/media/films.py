"""Video and audio, by PyAV (FFmpeg). Runs in a worker: the input is untrusted.

Functions take a seekable binary stream and FFmpeg's name of the container format. They raise `Undecodable`, and for
damaged files also `av.error.FFmpegError` and the like; the worker turns that into the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import av
from av.stream import Disposition
from PIL import Image

from cozygen.media.pictures import MAX_PIXELS
from cozygen.media.sniff import NoPicture, Undecodable

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

DARK_SECONDS = 2.0
"""A film may open with this much darkness that does not become its poster."""

_DARK_FRAMES = 300  # and with no more than so many frames of it, whatever their times say
_GRID = 32  # frames are judged by a picture of this many pixels each way
_LIT = 40  # grey (0..255) from which a pixel counts as lit: black is 16 in most videos, and noisy
_LIT_SHARE = 0.02
_MAX_ERRORS = 50
_TIME = 1_000_000  # a container's times are in microseconds


def poster(stream: BinaryIO, name: str, box: int) -> tuple[Image.Image, dict[str, Any]]:
    """The first frame that is not dark (see `DARK_SECONDS`; else the brightest), upright, to fit `box` x `box`: RGB.

    Also what `probe` tells. Raises `NoPicture` for sound alone.
    """
    with opened(stream, name) as container:
        video = main_video(container)
        frame = _first_lit(frames(container, video))
        return picture(frame, video, box), _video_facts(container, video, frame)


def probe(stream: BinaryIO, name: str) -> dict[str, Any]:
    """`kind`, `width` and `height` in pixels as shown, `duration` in seconds, `fps`, `codec`, `animated`.

    Of sound there are `kind`, `duration` and `codec` alone.
    """
    with opened(stream, name) as container:
        video = _video(container)
        if video is not None:
            return _video_facts(container, video, next(frames(container, video)))
        if not container.streams.audio:
            raise Undecodable("neither video nor audio in it")
        audio = container.streams.audio[0]
        return {
            "kind": "audio",
            "duration": duration(container, audio),
            "codec": audio.codec_context.codec.canonical_name,
        }


def picture(frame: VideoFrame, video: VideoStream, box: int) -> Image.Image:
    """The frame upright, to fit `box` x `box` pixels and never enlarged: RGB."""
    width, height = _shown_size(frame, video)
    ratio = min(1.0, box / width, box / height)
    shown: Image.Image = frame.to_image(  # type: ignore[no-untyped-call]
        width=max(1, round(width * ratio)), height=max(1, round(height * ratio)), interpolation="LANCZOS"
    )
    turns = _quarter_turns(frame)
    return shown.rotate(90 * turns, expand=True) if turns else shown


def _video_facts(container: InputContainer, video: VideoStream, frame: VideoFrame) -> dict[str, Any]:
    width, height = _shown_size(frame, video)
    if _quarter_turns(frame) % 2:
        width, height = height, width
    rate = video.average_rate or video.guessed_rate
    return {
        "kind": "video",
        "width": width,
        "height": height,
        "duration": duration(container, video),
        "fps": float(rate) if rate else None,
        "codec": video.codec_context.codec.canonical_name,
        "animated": True,
    }


def verify(stream: BinaryIO, name: str) -> Literal["video", "audio"]:
    """Decode the first frame and see that the file goes on to where it says that it ends. Raises when either fails."""
    with opened(stream, name) as container:
        video = _video(container)
        if video is not None:
            next(frames(container, video))
        elif container.streams.audio:
            next(sounds(container, container.streams.audio[0]))
        else:
            raise Undecodable("neither video nor audio in it")
        _reach_end(container)
        return "audio" if video is None else "video"


def _reach_end(container: InputContainer) -> None:
    """Raise `Undecodable` when there is nothing where the last fifth should be."""
    duration = container.duration
    if duration is None or duration <= 0:
        return  # a recording that nobody finished has no end to look for
    start = container.start_time or 0
    container.seek(start + int(duration * 0.9), backward=True)
    limit = (start + duration * 0.8) / _TIME
    for packet in container.demux():
        if packet.size and packet.pts is not None and packet.time_base:
            until = packet.pts + (packet.duration or 0)
            if until * packet.time_base >= limit:
                return
    raise Undecodable("it is cut short")


def opened(stream: BinaryIO, name: str) -> InputContainer:
    """Open as the one format `name`."""
    # A name that only one demuxer has: nothing is guessed, so no playlist can pass for a film.
    return av.open(stream, mode="r", format=name, metadata_errors="replace")


def _video(container: InputContainer) -> VideoStream | None:
    """The first video stream that is no cover picture of an audio file."""
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    return None


def main_video(container: InputContainer) -> VideoStream:
    """The film in the container. Raises `NoPicture` for sound alone."""
    video = _video(container)
    if video is not None:
        return video
    raise NoPicture("sound alone") if container.streams.audio else Undecodable("neither video nor audio in it")


def frames(container: InputContainer, video: VideoStream) -> Iterator[VideoFrame]:
    """The decodable frames; at least one, else raises. Damaged ones in between are skipped, up to a number."""
    context = video.codec_context
    if context.width * context.height > MAX_PIXELS:
        raise Undecodable(f"more than {MAX_PIXELS} pixels")
    if not context.is_open:  # it is, after seeking
        context.options = {"max_pixels": str(MAX_PIXELS)}
        context.thread_count = 2
    errors = 0
    found = False
    try:
        for packet in container.demux(video):
            try:
                decoded = packet.decode()
            except av.error.FFmpegError:
                errors += 1
                if errors > _MAX_ERRORS:
                    break
                continue
            for frame in decoded:
                found = True
                yield frame
    except av.error.FFmpegError as error:  # the container itself breaks off
        if not found:
            raise Undecodable(str(error)) from None
    if not found:
        raise Undecodable("no frame can be decoded")


def sounds(container: InputContainer, audio: AudioStream) -> Iterator[AudioFrame]:
    """The decodable pieces of sound; at least one, else raises `Undecodable`."""
    errors = 0
    found = False
    with suppress(av.error.FFmpegError):  # the container breaks off: what was there counts
        for packet in container.demux(audio):
            try:
                decoded = packet.decode()
            except av.error.FFmpegError:
                errors += 1
                if errors > _MAX_ERRORS:
                    break
                continue
            for frame in decoded:
                found = True
                yield frame
    if not found:
        raise Undecodable("no sound can be decoded")


def _first_lit(candidates: Iterator[VideoFrame]) -> VideoFrame:
    best: VideoFrame | None = None
    most = -1
    start: float | None = None
    for number, frame in enumerate(candidates):
        lit = _lit_pixels(frame)
        if lit >= _LIT_SHARE * _GRID * _GRID:
            return frame
        if lit > most:
            best, most = frame, lit
        if frame.time is not None:
            start = frame.time if start is None else start
            if frame.time - start > DARK_SECONDS:
                break
        if number >= _DARK_FRAMES:
            break
    assert best is not None  # `frames` raises rather than giving none
    return best


def _lit_pixels(frame: VideoFrame) -> int:
    plane = frame.reformat(width=_GRID, height=_GRID, format="gray").planes[0]
    data = bytes(plane)
    rows = (data[start : start + _GRID] for start in range(0, _GRID * plane.line_size, plane.line_size))
    return sum(value >= _LIT for row in rows for value in row)


def _shown_size(frame: VideoFrame, video: VideoStream) -> tuple[int, int]:
    """Width and height in square pixels, before any turning."""
    aspect = video.sample_aspect_ratio or Fraction(1)
    if not Fraction(1, 8) <= aspect <= 8:
        aspect = Fraction(1)
    return max(1, round(frame.width * aspect)), frame.height


def _quarter_turns(frame: VideoFrame) -> int:
    """How often to turn the frame by 90 degrees, counter-clockwise, to show it upright."""
    return round(frame.rotation / 90) % 4


def duration(container: InputContainer, stream: VideoStream | AudioStream) -> float | None:
    """Seconds: the container's word, which covers all streams, else the stream's; None where neither says."""
    if container.duration is not None and container.duration > 0:
        return container.duration / _TIME
    return float(stream.duration * stream.time_base) if stream.duration and stream.time_base else None
