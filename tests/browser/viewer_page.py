"""The viewer as a user sees it."""

from __future__ import annotations

from playwright.sync_api import CDPSession, Locator, Page, expect

Finger = tuple[float, float]


class ViewerPage:
    """The viewer in a browser, opened by the address of a file."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self._cdp: CDPSession | None = None

    def open(self, path: str) -> None:
        """Look at a file of the output folder and wait until its whole picture is there."""
        self.page.goto(f"{self.url}view/{path}")
        expect(self.dialog).to_be_visible()

    @property
    def dialog(self) -> Locator:
        """The viewer."""
        return self.page.get_by_role("dialog", name="Viewer")

    @property
    def current(self) -> Locator:
        """What is in the middle of the stage."""
        return self.dialog.locator("[data-current]")

    @property
    def stage(self) -> Locator:
        """Where the picture is."""
        return self.dialog.locator("[data-scale]").first

    @property
    def details(self) -> Locator:
        """The panel beside the picture, or below it."""
        return self.page.get_by_role("complementary", name="Details")

    def button(self, name: str) -> Locator:
        """A button of the viewer that can be seen."""
        return self.dialog.get_by_role("button", name=name, exact=True).filter(visible=True).first

    def shows(self, name: str) -> None:
        """Wait until a picture is shown as a whole, at rest."""
        expect(self.current.locator(f'img[data-whole][alt="{name}"]')).to_be_visible()

    def is_at(self, place: str) -> None:
        """Wait until the place among the files is this one, such as ``2 of 3``."""
        expect(self.dialog.get_by_text(place, exact=True)).to_be_visible()

    def show_details(self) -> None:
        """Open the details where they are closed."""
        if not self.details.is_visible():
            self.button("Details").click()
        expect(self.details).to_be_visible()

    @property
    def scale(self) -> float:
        """How close the picture is looked at; 1 is all of it."""
        return float(self.stage.get_attribute("data-scale") or "nan")

    def middle(self) -> Finger:
        """The middle of the stage in pixels of the window."""
        box = self.stage.bounding_box()
        assert box is not None
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def touch(self, *steps: list[Finger]) -> None:
        """Put fingers down, move them from step to step, and take them off."""
        if self._cdp is None:
            self._cdp = self.page.context.new_cdp_session(self.page)
        for number, step in enumerate(steps):
            points = [{"x": x, "y": y, "id": finger} for finger, (x, y) in enumerate(step)]
            kind = "touchStart" if number == 0 else "touchMove"
            self._cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        self._cdp.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    def swipe(self, dx: float, dy: float = 0) -> None:
        """Drag one finger from the middle."""
        x, y = self.middle()
        start = x - dx / 2
        self.touch(*([(start + dx * part / 6, y + dy * part / 6)] for part in range(7)))

    def tap(self, times: int = 1) -> None:
        """Tap the middle of the stage."""
        for _ in range(times):
            self.touch([self.middle()])

    def pinch(self, start: float, end: float) -> None:
        """Move two fingers, `start` pixels apart, until they are `end` pixels apart."""
        x, y = self.middle()
        widths = [start + (end - start) * part / 8 for part in range(9)]
        self.touch(*([(x - width / 2, y), (x + width / 2, y)] for width in widths))
