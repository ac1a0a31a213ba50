"""Analysis: many runs compared and plotted."""

from typing import TYPE_CHECKING

from rlvision.core.imports import public_names

if TYPE_CHECKING:
    from rlvision.analysis.plot_style import require_folder as require_folder
    from rlvision.analysis.plot_style import require_picture as require_picture
    from rlvision.analysis.study import compare_runs as compare_runs
    from rlvision.analysis.study import plot_runs as plot_runs
    from rlvision.analysis.study import write_pictures as write_pictures
    from rlvision.analysis.tables import comparison_tables as comparison_tables
    from rlvision.analysis.world_picture import draw_world as draw_world

__getattr__, __all__ = public_names(
    __name__,
    {
        "plot_style": ["require_folder", "require_picture"],
        "study": ["compare_runs", "plot_runs", "write_pictures"],
        "world_picture": ["draw_world"],
        "tables": ["comparison_tables"],
    },
)
