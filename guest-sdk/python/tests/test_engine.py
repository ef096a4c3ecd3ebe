"""The parts of the engine that need no host: a guest's files, and what its author reads."""

import linecache
import os
import random
import stat
import subprocess
import sys
import types
import unittest
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "engine"))

from _snow_engine.failure import report
from _snow_engine.folder import Entries, Entry, Folder
from _snow_engine.fresh_random import NUMBERS

FILES = {
    "util.py": b"def half(n):\n    return n // 2\n",
    "lib/__init__.py": b"from . import dates\n",
    "lib/dates.py": b"TODAY = 1\n",
    "space/inner.py": b"X = 2\n",
    "native/_core.cpython-314-x86_64-linux-gnu.so": b"\x7fELF",
    "native/__init__.py": b"from . import _core\n",
    "broken.py": b"def x(:\n    pass\n",
    "data/a.txt": b"text",
}


# What was kept while a guest was loaded.
KEPT: dict[str, bytes] = {}


@dataclass
class File:
    name: str
    text: bytes


class Source:
    def __init__(self, name: str, text: bytes) -> None:
        self._main = File(name, text)
        # What was copied from the host.
        self.found: list[str] = []

    def main(self):
        return self._main

    def files(self):
        return list(FILES)

    def find(self, path):
        self.found.append(path)
        return FILES.get(path)

    def keep(self, name, data):
        KEPT[name] = data

    def kept(self, name):
        return KEPT.get(name)


class Guest(unittest.TestCase):
    def setUp(self) -> None:
        self.source = Source("shop.py", b"")
        self.folder = Folder(self.source)
        sys.meta_path.append(self.folder)
        before = set(sys.modules)
        self.addCleanup(lambda: [sys.modules.pop(name) for name in set(sys.modules) - before])
        self.addCleanup(sys.meta_path.remove, self.folder)

    def run_main(self, text: str) -> dict:
        file = self.folder.main.name
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        module = types.ModuleType("shop")
        module.__path__, module.__package__ = ["/shop"], "shop"
        sys.modules["shop"] = module
        exec(compile(text, file, "exec"), module.__dict__)
        return module.__dict__

    def fails(self, text: str) -> str:
        # `assertRaises` would take the traceback away.
        try:
            self.run_main(text)
        except BaseException as error:
            return report(error, self.folder)
        self.fail("it does not fail")

    def test_modules_packages_and_namespaces_are_found(self) -> None:
        found = self.run_main(
            "import util, lib.dates, space.inner\n"
            "from .util import half\n"
            "from . import lib as own\n"
            "file = lib.dates.__file__\n"
        )
        self.assertEqual(found["half"](9), 4)
        self.assertEqual(found["space"].inner.X, 2)
        self.assertEqual(found["file"], "/shop/lib/dates.py")
        self.assertEqual(found["own"].dates.TODAY, 1)

    def test_code_that_was_kept_is_not_compiled_again(self) -> None:
        KEPT.clear()
        self.addCleanup(KEPT.clear)
        codes, compiled = self.folder.codes, []

        def text() -> bytes:
            compiled.append(1)
            return b"x = 1\n"

        codes.get("shop/x.py", text)
        self.assertEqual(KEPT, {}, "nobody loads the guest")
        codes.is_loading = True
        codes.get("shop/x.py", text)
        self.assertEqual(list(KEPT), ["shop/x.py"])
        found: dict = {}
        exec(codes.get("shop/x.py", text), found)
        self.assertEqual((found["x"], len(compiled)), (1, 2))
        self.assertEqual(codes.get("shop/x.py", text).co_filename, "shop/x.py")

    def test_a_guest_that_has_a_modules_name_is_named_otherwise(self) -> None:
        self.assertEqual(Folder(Source("json.py", b"")).module, "guest_json")
        self.assertEqual(self.folder.module, "shop")

    def test_native_code_is_named(self) -> None:
        said = self.fails("import native\n")
        self.assertIn(
            "ImportError: shop/native/_core.cpython-314-x86_64-linux-gnu.so is native code", said
        )
        self.assertIn('File "shop.py", line 1', said)

    def test_what_is_missing_is_named_with_the_remedy(self) -> None:
        said = self.fails("import nothere\n")
        self.assertTrue(said.endswith("pip install --target shop nothere"), said)
        self.assertIn("No module named 'nothere'", said)

    def test_a_traceback_has_the_authors_lines_alone(self) -> None:
        said = self.fails("import json, util\n\ndef f():\n    json.loads(util.half(9))\n\nf()\n")
        self.assertTrue(
            said.startswith('Traceback (most recent call last):\n  File "shop.py", line 6')
        )
        self.assertIn("json.loads(util.half(9))", said)
        self.assertNotIn("test_engine", said)
        self.assertTrue(
            said.splitlines()[-1].startswith("TypeError: the JSON object must be"), said
        )
        said = self.fails("import util\nutil.half('x')\n")
        self.assertIn('File "shop/util.py", line 2, in half\n    return n // 2', said)

    def test_a_syntax_error_has_its_file_and_line_and_no_traceback(self) -> None:
        said = self.fails("x = 1\ndef f(:\n    pass\n")
        self.assertTrue(said.startswith('  File "shop.py", line 2\n    def f(:\n'), said)
        self.assertTrue(said.endswith("SyntaxError: invalid syntax"), said)
        said = self.fails("import broken\n")
        self.assertIn('File "shop/broken.py", line 1\n    def x(:\n', said)

    def test_an_exception_that_can_not_be_shown_is_named(self) -> None:
        said = self.fails("raise ModuleNotFoundError('x', name=5)\n")
        self.assertIn("ModuleNotFoundError, which can't be shown: AttributeError", said)

    def test_causes_and_groups_are_cut_too(self) -> None:
        said = self.fails(
            "def f():\n    try:\n        1 / 0\n    except ZeroDivisionError as e:\n"
            "        raise ExceptionGroup('both', [e]) from e\nf()\n"
        )
        self.assertNotIn("test_engine", said)
        self.assertIn("direct cause", said)

    def test_files_are_seen_in_the_folder(self) -> None:
        folder = self.folder
        for path in (
            "data/a.txt",
            "/shop/data/a.txt",
            "./data/../data/a.txt",
            Path("data") / "a.txt",
        ):
            self.assertEqual(folder.open(path).read(), b"text", path)
        self.assertTrue(stat.S_ISDIR(folder.stat("data").st_mode))
        self.assertEqual(folder.stat("data/a.txt").st_size, 4)
        for _ in range(3):
            self.assertEqual(folder.stat("lib/dates.py").st_size, 10)
        self.assertEqual(self.source.found.count("lib/dates.py"), 1)
        self.assertEqual(folder.names("/shop/lib"), ["__init__.py", "dates.py"])
        self.assertIn("util.py", folder.names("."))
        for path in ("none", "../data", "/etc/passwd", "/shopping/data"):
            with self.assertRaises(FileNotFoundError):
                folder.stat(path)
        with self.assertRaises(IsADirectoryError):
            folder.open("data")
        with Entries([Entry(folder, "lib", name) for name in folder.names("lib")]) as entries:
            found = [(os.fspath(entry), entry.is_file(), entry.is_dir()) for entry in entries]
        self.assertEqual(found, [("lib/__init__.py", True, False), ("lib/dates.py", True, False)])
        self.assertEqual(self.folder.get_data("/shop/data/a.txt"), b"text")


class Random(unittest.TestCase):
    def test_each_call_has_numbers_of_its_own(self) -> None:
        calls = [
            random.random,
            lambda: random.gauss(0, 1),
            lambda: random.choice(range(1 << 60)),
            lambda: random.randbytes(8),
            lambda: tuple(random.sample(range(1 << 60), 2)),
            lambda: random.getstate()[1][:8],
        ]
        for call in calls:
            seen = set()
            for _ in range(5):
                # What a call leaves is not what the next one begins with.
                random.seed(1)
                NUMBERS.begin_call()
                seen.add(call())
            self.assertEqual(len(seen), 5)

    def test_a_seed_and_a_state_hold_for_the_call(self) -> None:
        NUMBERS.begin_call()
        random.seed(1)
        first = random.random(), random.gauss(0, 1), random.randrange(100)
        random.seed(1)
        self.assertEqual((random.random(), random.gauss(0, 1), random.randrange(100)), first)
        state = random.getstate()
        number = random.random()
        NUMBERS.begin_call()
        random.setstate(state)
        self.assertEqual(random.random(), number)


class Snapshot(unittest.TestCase):
    def test_the_engine_has_imported_the_whole_module_snow(self) -> None:
        """An instance finds no files, so what is imported later than the engine's start is none."""
        sdk = Path(__file__).resolve().parents[1]
        code = "import sys, snow, snow.classic, snow.tornado; print(*sys.modules)"
        command = [sys.executable, "-c", code]
        loaded = subprocess.run(
            command, cwd=sdk, stdout=subprocess.PIPE, text=True, check=True
        ).stdout.split()
        names = {
            ".".join(file.relative_to(sdk).with_suffix("").parts).removesuffix(".__init__")
            for file in (sdk / "snow").rglob("*.py")
        }
        self.assertIn("snow._form_reader", names)
        self.assertEqual(names - set(loaded), {"snow.testing"})


if __name__ == "__main__":
    unittest.main()
