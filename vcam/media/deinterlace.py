"""Frames of two fields, taken at two moments, as whole pictures."""

from collections.abc import Iterable, Iterator
from contextlib import suppress

from av.error import BlockingIOError as NotYet
from av.error import EOFError as AtEnd
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

FILTER = "bwdif=mode=send_frame:deint=interlaced"  # one picture a frame; what is not interlaced passes unchanged


def deinterlaced(frames: Iterable[VideoFrame], stream: VideoStream) -> Iterator[VideoFrame]:
    """The frames of a stream; from the first that is interlaced on they pass through FFmpeg's filter."""
    graph, shape = None, None
    for frame in frames:
        if graph is None and not frame.interlaced_frame:
            yield frame
            continue
        if graph is None or shape != (frame.width, frame.height, frame.format.name):
            yield from rest(graph)
            shape = (frame.width, frame.height, frame.format.name)
            graph = build(stream, frame)
        graph.vpush(frame)
        yield from ready(graph)
    yield from rest(graph)


def build(stream: VideoStream, frame: VideoFrame) -> Graph:
    """A graph for frames like this one."""
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or stream.time_base
    )
    name, options = FILTER.split("=", 1)
    graph.link_nodes(source, graph.add(name, options), graph.add("buffersink")).configure()
    return graph


def ready(graph: Graph) -> Iterator[VideoFrame]:
    """What the graph has finished."""
    with suppress(NotYet, AtEnd):
        while True:
            yield graph.vpull()


def rest(graph: Graph | None) -> Iterator[VideoFrame]:
    """What is still in a graph that gets no more frames."""
    if graph is not None:
        graph.vpush(None)
        yield from ready(graph)
