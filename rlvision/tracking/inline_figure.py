"""A figure that a notebook shows without pyplot: no backend is chosen, and no window opens."""

from io import BytesIO

from matplotlib.figure import Figure

SHOWN_DPI = 90


class InlineFigure(Figure):
    """A figure that a notebook shows as a picture where a cell ends with it."""

    def _repr_png_(self) -> bytes:
        stream = BytesIO()
        self.savefig(stream, format="png", dpi=SHOWN_DPI)
        return stream.getvalue()
