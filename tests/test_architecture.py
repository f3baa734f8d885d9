"""The walls of the house: who may import whom, where the big libraries and the environment may be touched, and that
every file can be read in one sitting."""

import ast
import fnmatch
import importlib
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SYSTEM = "system"
ROOMS = ("data", "training", "bot", "sandbox", "bench")
MAY_IMPORT = {
    "data": set[str](),
    "training": {"data"},
    "bot": {"data", "training", "sandbox"},
    "sandbox": set[str](),
    "bench": {"data", "training", "bot", "sandbox"},
}
TELETHON = {
    "data.telegram.client",
    "data.telegram.failure",
    "data.telegram.login",
    "data.telegram.listing",
    "data.telegram.media",
    "data.telegram.values",
    "data.pull.account",
    "data.pull.changes",
    "data.pull.history",
    "data.pull.page",
    "data.pull.question",
    "bot.live",
    "bot.outbox",
    "bot.typist",
    "bot.drafts",
    "bot.companion",
    "bot.control",
}
"""Where Telethon may be imported in `data/` and `bot/`; the sandbox is written in its classes throughout."""
TORCH = {"torch", "transformers", "peft", "accelerate", "bitsandbytes", "safetensors"}
ENVIRONMENT = {"bot.settings", "training"}
WARN, FAIL = 300, 400


def modules() -> dict[str, Path]:
    """Every module of ours by its import name."""
    found = {}
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """What a file imports, at any depth, and whether that happens when it is itself imported."""
    whole = tree(path)
    late: set[ast.AST] = set()
    for node in ast.walk(whole):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or _only_for_types(node):
            late |= set(ast.walk(node)) - {node}
    for node in ast.walk(whole):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node not in late) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            assert node.module
            yield from ((f"{node.module}.{alias.name}", node not in late) for alias in node.names)


def _only_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def room(name: str) -> str:
    return name.partition(".")[0]


def test_there_is_something_to_look_at() -> None:
    assert len(MODULES) > 50
    assert {room(name) for name in MODULES} >= {"data", "training", "bot", "sandbox"}


def test_imports_go_one_way() -> None:
    wrong = [
        f"{name} imports {imported}"
        for name, path in MODULES.items()
        for imported, _ in imports(path)
        if room(imported) in ROOMS and room(imported) != room(name) and room(imported) not in MAY_IMPORT[room(name)]
    ]
    assert wrong == []


def test_the_verbs_are_imported_by_the_command_line_alone() -> None:
    """What two verbs, or a verb and the page, have in common lies below them."""
    wrong = [
        f"{name} imports {imported}"
        for name, path in MODULES.items()
        if name != "bot.cli" and not name.startswith("bot.commands")
        for imported, _ in imports(path)
        if f"{imported}.".startswith("bot.commands.")
    ]
    assert wrong == []


def test_the_sandbox_is_imported_by_the_demo_alone_and_only_when_it_runs() -> None:
    wrong = [
        f"{name} imports {imported}"
        for name, path in MODULES.items()
        if room(name) == "bot"
        for imported, at_once in imports(path)
        if room(imported) == "sandbox" and (at_once or not name.startswith("bot.demo"))
    ]
    assert wrong == []


def test_telethon_is_imported_where_its_types_become_values_and_nowhere_else() -> None:
    wrong = [
        f"{name} imports {imported}"
        for name, path in MODULES.items()
        if room(name) in ("data", "training", "bot") and name not in TELETHON
        for imported, _ in imports(path)
        if room(imported) == "telethon"
    ]
    assert wrong == []


def test_torch_is_imported_in_training_and_nowhere_else() -> None:
    wrong = [
        f"{name} imports {imported}"
        for name, path in MODULES.items()
        if room(name) not in ("training", "bench")
        for imported, _ in imports(path)
        if room(imported) in TORCH
    ]
    assert wrong == []


def test_the_environment_is_read_in_the_settings_and_nowhere_else() -> None:
    def reads(path: Path) -> bool:
        return any(
            (isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv", "putenv"))
            or (isinstance(node, ast.alias) and node.name in ("environ", "getenv"))
            for node in ast.walk(tree(path))
        )

    wrong = [
        name for name, path in MODULES.items() if room(name) != "bench" and name not in ENVIRONMENT and reads(path)
    ]
    assert wrong == []


def test_nothing_is_unpickled_and_no_model_may_bring_its_own_code() -> None:
    wrong = []
    for name, path in MODULES.items():
        wrong += [
            f"{name} imports {each}" for each, _ in imports(path) if room(each) in ("pickle", "marshal", "shelve")
        ]
        for node in ast.walk(tree(path)):
            if (
                isinstance(node, ast.Attribute)
                and node.attr == "load"
                and ast.unparse(node.value) in ("torch", "pickle")
            ):
                wrong.append(f"{name} calls {ast.unparse(node)}")
            if isinstance(node, ast.keyword) and node.arg == "trust_remote_code":
                assert isinstance(node.value, ast.Constant), name
                assert node.value.value is False, name
    assert wrong == []


def test_telegrams_send_is_called_in_the_outbox_alone() -> None:
    """One choke point: a check that stands there stands before every message."""
    sends = {"send_message", "send_file", "forward_messages", "SendMessageRequest", "SendMediaRequest"}
    by_event = {"respond", "reply"}  # words of ours too, so looked for only where Telethon's events are
    wrong = []
    for name, path in MODULES.items():
        if name == "bot.outbox" or name.split(".")[0] not in ("data", "training", "bot"):
            continue
        words = sends | by_event if name in TELETHON and room(name) == "bot" else sends
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Attribute) and node.attr in words and "responder" not in ast.unparse(node.value):
                wrong.append(f"{name}:{node.lineno} {ast.unparse(node)}")
    assert wrong == []


def test_nothing_tells_telegram_that_the_owner_has_read_something_or_is_there() -> None:
    """No faked states: what the owner has read, and whether they are online, only the owner's own apps say."""
    states = {
        *("send_read_acknowledge", "ReadHistoryRequest", "ReadMentionsRequest", "ReadReactionsRequest"),
        *("ReadMessageContentsRequest", "ReadDiscussionRequest", "MarkDialogUnreadRequest", "UpdateStatusRequest"),
    }
    wrong = [
        f"{name}:{node.lineno} {ast.unparse(node)}"
        for name, path in MODULES.items()
        if room(name) in ("data", "training", "bot")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr in states
    ]
    assert wrong == []


@pytest.mark.parametrize("name", ["data", "training", "bot"])
def test_the_three_rooms_are_ours_and_not_a_package_of_the_same_name(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__file__
    assert Path(module.__file__).resolve().is_relative_to(ROOT)


@pytest.mark.parametrize(
    "module",
    [
        *("bot.cli", "bot.status", "bot.doctor", "bot.review", "bot.consenting", "bot.erase"),
        *("bot.commands.chats", "training", "training.fit", "training.work"),
    ],
)
def test_what_answers_at_once_loads_neither_torch_nor_telethon(module: str) -> None:
    heavy = {"telethon", "phonenumbers", *TORCH}
    if module == "bot.doctor":
        heavy.discard("telethon")  # it asks the server for its time
    script = f"import sys, {module}; print(sorted(set(sys.modules) & {heavy!r}))"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert shown.stdout.strip() == "[]"


def test_every_file_can_be_read_in_one_sitting() -> None:
    lengths = {
        path.relative_to(ROOT): len(path.read_text(encoding="utf-8").splitlines())
        for folder in (*ROOMS, "tests")
        for path in (ROOT / folder).rglob("*.py")
    }
    long = {str(path): n for path, n in lengths.items() if n > WARN}
    if long:
        with warnings.catch_warnings():
            warnings.simplefilter("always")  # shown, and no failure: the limit that fails comes next
            warnings.warn(f"longer than {WARN} lines: {long}", stacklevel=1)
    assert {path: n for path, n in long.items() if n > FAIL} == {}


def test_every_module_and_every_public_name_says_what_it_is() -> None:
    silent = []
    for name, path in MODULES.items():
        whole = tree(path)
        if not ast.get_docstring(whole):
            silent.append(name)
        for node in whole.body:
            defines = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            if defines and not node.name.startswith("_") and not ast.get_docstring(node):  # type: ignore[attr-defined, arg-type]
                silent.append(f"{name}.{node.name}")  # type: ignore[attr-defined]
    assert silent == []


def test_nothing_is_left_for_later_in_a_comment() -> None:
    words = "|".join(first + second for first, second in (("TO", "DO"), ("FIX", "ME"), ("X", "XX"), ("HA", "CK")))
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for folder in (*ROOMS, "tests")
        for path in (ROOT / folder).rglob("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(rf"\b(?:{words})\b", line)
    ]
    assert found == []


def test_no_module_is_a_drawer_for_anything() -> None:
    assert [name for name in MODULES if name.rpartition(".")[2] in ("utils", "util", "helpers", "common", "misc")] == []


def test_nothing_private_is_tracked() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    private = re.compile(r"(^|/)\.env$|\.session(-journal)?$|\.safetensors$|\.db$|\.gguf$")
    assert [path for path in tracked if private.search(path)] == []


def test_where_a_program_cannot_be_installed_all_tests_that_need_it_are_left_out() -> None:
    """A skipped test is a failure in `.ci/run`, so one that it forgets would fail on such a machine."""
    left_out = re.findall(r"--ignore-glob=([^\s\"]+)", (ROOT / ".ci" / "run").read_text(encoding="utf-8"))
    files = [
        path for path in (ROOT / "tests").glob("test_*.py") if f"mark.{SYSTEM}" in path.read_text(encoding="utf-8")
    ]
    assert len(files) > len(left_out) > 2
    wrong = [path.name for path in files if not any(fnmatch.fnmatch(str(path), each) for each in left_out)]
    assert wrong == []
