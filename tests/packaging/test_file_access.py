"""Files are opened by `rlvision.core.files` alone; what is opened elsewhere is listed here, with the reason."""

import ast

import pytest

from tests.packaging.conftest import MODULES

HOME = ("rlvision.core.files", "rlvision.core.folders")
METHODS = {
    *("open", "read_text", "write_text", "read_bytes", "write_bytes", "touch", "symlink_to", "hardlink_to"),
    *("mkdir", "makedirs", "iterdir", "listdir", "scandir", "glob", "rglob", "walk"),
    *("savez", "savez_compressed", "savetxt", "loadtxt", "memmap", "fromfile", "tofile", "load_file", "save_file"),
    *("savefig", "imread", "imwrite", "imsave"),
    *("copy2", "copyfile", "copyfileobj", "copytree", "rmtree", "move"),
    *("NamedTemporaryFile", "TemporaryFile", "TemporaryDirectory", "mkstemp", "mkdtemp", "ZipFile", "FileIO", "fdopen"),
}
"""Functions and methods of these names open a file or make or list a folder, whoever has them.

Not among them: ``unlink``, ``replace`` and ``rename``, which act on a link and never on what it leads to.
"""
FUNCTIONS = {
    *(f"{module}.{name}" for module in ("torch", "np", "numpy", "pickle") for name in ("load", "save", "dump")),
    *("json.load", "json.dump", "shutil.copy", "os.link", "os.symlink", "os.mkfifo"),
}
"""What opens a file by names that others have, too."""
CHECKED = "rlvision.core.files has opened it, or made it"
KERNEL = "the kernel's own"
MEMORY = "in memory"
PACKAGE = "comes with rlvision"
USERS = "a place that the user names herself"
ALLOWED = {
    ("rlvision.analysis.plot_style", "folder.mkdir"): USERS,
    ("rlvision.analysis.plot_style", "figure.savefig"): MEMORY,
    ("rlvision.cli.main", "os.open"): KERNEL,
    ("rlvision.cli.output", "path.parent.mkdir"): USERS,
    ("rlvision.cli.output", "run.glob"): "only asks whether W&B has left a mark there",
    ("rlvision.config.presets", "entry.read_text"): PACKAGE,
    ("rlvision.config.presets", "files(...).iterdir"): PACKAGE,
    ("rlvision.runs.reservation", "folder.mkdir"): USERS,
    ("rlvision.config.presets", "path.read_text"): USERS,
    ("rlvision.config.presets", "read_text"): USERS,
    ("rlvision.core.append_log", "path.parent.mkdir"): "the run folder, or one inside that `list_folder` has seen",
    ("rlvision.core.locks", "os.open"): "the run folder",
    ("rlvision.core.memory", "(folder / limit).read_text"): KERNEL,
    ("rlvision.core.memory", "membership.read_text"): KERNEL,
    ("rlvision.core.memory", "path.read_text"): KERNEL,
    ("rlvision.core.memory", "statm.read_text"): KERNEL,
    ("rlvision.core.object_names", "Path(...).read_bytes"): "a module that the program has imported",
    ("rlvision.evaluation.atari_scores", "files(...).joinpath(...).read_text"): PACKAGE,
    ("rlvision.runs.code_files", "ast.walk"): "a syntax tree",
    ("rlvision.runs.main_guard", "ast.walk"): "a syntax tree",
    ("rlvision.runs.checkpoint", "torch.load"): MEMORY,
    ("rlvision.runs.checkpoint", "torch.save"): MEMORY,
    ("rlvision.runs.export_folder", "safetensors.torch.load"): MEMORY,
    ("rlvision.runs.export_folder", "safetensors.torch.save"): MEMORY,
    ("rlvision.runs.export_writer", "out.iterdir"): USERS,
    ("rlvision.runs.find", "folder.glob"): PACKAGE,
    ("rlvision.runs.web_session", "WebView(...).open"): "a server",
    ("rlvision.runs.run_folder", "self.path.mkdir"): USERS,
    ("rlvision.sweeps.runner", "self._folder.mkdir"): USERS,
    ("rlvision.sweeps.sweep_file", "files(...).joinpath(...).iterdir"): PACKAGE,
    ("rlvision.sweeps.sweep_file", "(known[name]).read_text"): PACKAGE,
    ("rlvision.sweeps.sweep_file", "read_text"): USERS,
    ("rlvision.tracking.curve", "figure.savefig"): CHECKED,
    ("rlvision.tracking.inline_figure", "self.savefig"): MEMORY,
    ("rlvision.tracking.tensorboard", "Image.open"): CHECKED,
    ("rlvision.watch.assets.page_parts", "files(...).joinpath(...).read_text"): PACKAGE,
    ("rlvision.watch.html.page", "path.parent.mkdir"): USERS,
    ("rlvision.watch.video", "av.open"): CHECKED,
    ("rlvision.watch.video", "path.parent.mkdir"): USERS,
}
"""Module and what it calls -> why that is no matter."""


def openings(tree: ast.Module) -> set[str]:
    """What a module calls to open something, but for what it has from `HOME`."""
    ours = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in HOME
        for alias in node.names
    }
    called = {spelled(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return {
        function
        for function in called - ours
        if function.rpartition(".")[2] in METHODS or function.removeprefix("safetensors.") in FUNCTIONS
    }


def spelled(function: ast.expr) -> str:
    """A function as it is called, without the arguments of what it is called on: ``files(...).read_text``."""
    if isinstance(function, ast.Attribute):
        return f"{spelled(function.value)}.{function.attr}"
    if isinstance(function, ast.Call):
        return f"{spelled(function.func)}(...)"
    return function.id if isinstance(function, ast.Name) else f"({ast.unparse(function)})"


def test_no_module_opens_a_file_by_itself() -> None:
    found = {(module, function) for module, tree in MODULES.items() for function in openings(tree)}
    others = {(module, function) for module, function in found if module not in HOME}
    assert others - ALLOWED.keys() == set(), "use rlvision.core.files, or list the place here and say why"
    assert ALLOWED.keys() - others == set(), "no longer needed"


@pytest.mark.parametrize(
    "line",
    [
        'open("x")',
        'path.open("rb")',
        "folder.joinpath('x').write_text('y')",
        "(folder / 'x').read_bytes()",
        "np.savez(path, a)",
        "torch.save(state, path)",
        "shutil.copy(a, b)",
        "with os.fdopen(3) as file: pass",
        "json.dump(tree, file)",
        "def deep():\n    return [path.read_text() for path in paths]",
    ],
)
def test_what_opens_a_file_is_seen(line: str) -> None:
    assert openings(ast.parse(line))
    assert not openings(ast.parse("replay.save(folder); path.replace(other); yaml.load(text); settings.load(1)"))
    assert not openings(ast.parse("from rlvision.core.files import read_text\nread_text(path, 9)"))
