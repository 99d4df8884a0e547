"""Files without what they say about how they were made, and not one pixel or sample changed.

A plan tells which bytes of the file to send, and what to send between them; nothing is decoded. What a plan cannot be
made for is refused, so that nothing is given away by mistake. What hides in the pixels themselves stays.
"""

from cozygen.gallery.strip.plan import plan
from cozygen.gallery.strip.source import CannotStrip, Plan, Source

__all__ = ["CannotStrip", "Plan", "Source", "plan"]
