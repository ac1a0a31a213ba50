"""Analysis: comparisons and plots of many runs."""

from typing import TYPE_CHECKING

from rlvision.core.imports import public_names

if TYPE_CHECKING:
    from rlvision.analysis.plot_style import require_folder as require_folder
    from rlvision.analysis.study import compare_runs as compare_runs
    from rlvision.analysis.study import plot_runs as plot_runs
    from rlvision.analysis.study import write_pictures as write_pictures
    from rlvision.analysis.tables import comparison_tables as comparison_tables

__getattr__, __all__ = public_names(
    __name__,
    {
        "plot_style": ["require_folder"],
        "study": ["compare_runs", "plot_runs", "write_pictures"],
        "tables": ["comparison_tables"],
    },
)
