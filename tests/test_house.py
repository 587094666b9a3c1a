"""The plan of the house: arrows run one way, rooms are small, and names say what they are."""

import ast
import collections
import functools
import pathlib

from absl.testing import parameterized
import tensorflow as tf

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGES = ("pzbias_tf", "data_tools", "train", "eval")
MOST_FILES = 18
"""In one folder."""

SCREEN = 40
"""Lines: a file that is shorter, and that one other file imports, belongs into that one."""

# From the ground up: a part of the library may import those of its own line and of lines above it.
LAYERS = (
    ("compat", "arguments", "command", "files", "pictures", "progress", "storage", "survey"),
    ("cells", "fitted_models"),
    ("data",),
    ("bias", "models"),
    ("predictions",),
    ("metrics",),
    ("report",),
    ("training",),
    ("trained_run",),
)
# Entry points, and which other ones they may import.
ENTRY_POINTS = {"data_tools": set(), "train": set(), "eval": {"data_tools"}}
# Folders with one file per member of a family, whose names say only which member it is.
FAMILIES = ("pzbias_tf/report/figures", "data_tools/readers")
# At the root of train/ and eval/: the commands, and what several of them share.
ROOT_FILES = {
    "train": {"main", "experiments", "flags", "settings", "variants", "plan", "study_items"},
    "eval": {"main", "predict", "export", "results", "run"},
}
# Folders of tests that stand for no folder of the tree.
TEST_FOLDERS = {"golden", "stacks"}


@functools.cache
def modules() -> dict[str, pathlib.Path]:
  """{dotted name: file} of everything but tests and benchmarks."""
  return {name_of(path): path for package in PACKAGES
          for path in sorted((ROOT / package).rglob("*.py"))}


def name_of(path: pathlib.Path) -> str:
  """Dotted name of a file's module."""
  name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
  return name.removesuffix(".__init__")


@functools.cache
def imported_names(path: pathlib.Path) -> tuple[str, ...]:
  """Everything that a file imports, also inside of functions, as dotted names."""
  names = []
  for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
    if isinstance(node, ast.Import):
      names += [name.name for name in node.names]
    elif isinstance(node, ast.ImportFrom):
      names += [f"{node.module}.{name.name}" for name in node.names]
  return tuple(names)


@functools.cache
def imported_modules(path: pathlib.Path) -> set[str]:
  """The modules of this project that a file imports."""
  names = set()
  for name in imported_names(path):
    while name and name not in modules():
      name = name.rpartition(".")[0]
    names.add(name)
  return names - {"", name_of(path)}


def is_init(path: pathlib.Path) -> bool:
  return path.name == "__init__.py"


def files() -> list[str]:
  """All files of `modules`, as paths below the root."""
  return [str(path.relative_to(ROOT)) for path in modules().values()]


def files_of_tests() -> list[pathlib.Path]:
  return sorted((ROOT / "tests").rglob("*.py"))


class ArrowsTest(tf.test.TestCase, parameterized.TestCase):

  def test_the_house_is_found(self):
    self.assertGreater(len(modules()), 150)

  def test_every_part_of_the_library_has_its_layer(self):
    parts = {name.split(".")[1] for name in modules() if name.startswith("pzbias_tf.")}
    self.assertEqual(parts - {part for layer in LAYERS for part in layer}, set(),
                     "give the new part its place in LAYERS")

  @parameterized.parameters(*[file for file in files() if file.startswith("pzbias_tf/")])
  def test_arrows_of_the_library_run_one_way(self, file):
    floor = {part: number for number, layer in enumerate(LAYERS) for part in layer}
    path = ROOT / file
    own = (name_of(path).split(".") + [""])[1]
    for name in imported_names(path):
      words = name.split(".")
      self.assertNotIn(words[0], (*ENTRY_POINTS, "tests", "benchmarks"), file)
      if words[0] == "pzbias_tf" and len(words) > 1 and words[1] in floor and own:
        self.assertLessEqual(floor[words[1]], floor[own], f"{file} imports {name} from above")

  @parameterized.parameters(*ENTRY_POINTS)
  def test_entry_points_leave_each_other_alone(self, package):
    others = {*ENTRY_POINTS, "tests", "benchmarks"} - {package} - ENTRY_POINTS[package]
    for name, path in modules().items():
      if name.split(".")[0] == package:
        for imported in imported_names(path):
          self.assertNotIn(imported.split(".")[0], others, f"{name} imports {imported}")

  def test_no_two_files_import_each_other(self):
    """Not in a circle of any length, either; a package may import its parts, to pass them on."""
    edges = {name: imported_modules(path) for name, path in modules().items() if not is_init(path)}
    for start in edges:
      seen, waiting = set(), [(start,)]
      while waiting:
        way = waiting.pop()
        for name in edges.get(way[-1], ()):
          self.assertNotEqual(name, start, " -> ".join((*way, name)))
          if name not in seen:
            seen.add(name)
            waiting.append((*way, name))

  def test_no_part_imports_a_package_that_passes_it_on(self):
    for name, path in modules().items():
      for package in imported_modules(path):
        if name.startswith(f"{package}."):
          self.assertNotIn(name, imported_modules(modules()[package]), f"{name}: import the part")

  @parameterized.parameters(*[file for file in files() if file.startswith("pzbias_tf/")])
  def test_no_flags_in_the_library(self, file):
    for name in imported_names(ROOT / file):
      self.assertFalse(name.startswith("absl.flags"), name)

  def test_one_module_imports_tensorflow_addons(self):
    users = [name for name, path in modules().items()
             if any(imported.split(".")[0] == "tensorflow_addons"
                    for imported in imported_names(path))]
    self.assertEqual(users, ["pzbias_tf.compat.addons"])

  def test_no_survey_is_named_outside_of_its_definition(self):
    for name, path in modules().items():
      if name.startswith("pzbias_tf.") and name != "pzbias_tf.survey":
        for imported in imported_names(path):
          self.assertNotIn(imported.split(".")[-1],
                           ("SDSS", "CFHTLS_WIDE", "CFHTLS_DEEP", "SURVEYS"), name)


class RoomsTest(tf.test.TestCase, parameterized.TestCase):

  def test_the_root_of_data_tools_holds_commands_alone(self):
    for path in (ROOT / "data_tools").glob("*.py"):
      if not is_init(path):
        self.assertIn('if __name__ == "__main__":', path.read_text(encoding="utf-8"),
                      f"{path.name} is no command: move it to the folder of the command it serves")

  @parameterized.parameters(*ROOT_FILES)
  def test_the_roots_of_train_and_eval(self, package):
    stems = {path.stem for path in (ROOT / package).glob("*.py") if not is_init(path)}
    self.assertEqual(stems - ROOT_FILES[package], set(),
                     "a part of one command goes into that command's folder")

  def test_a_name_stands_once(self):
    places = collections.defaultdict(list)
    for path in modules().values():
      folder = str(path.parent.relative_to(ROOT))
      if path.stem not in ("__init__", "__main__", "main") and folder not in FAMILIES:
        places[path.stem].append(str(path.relative_to(ROOT)))
    twice = {name: paths for name, paths in places.items() if len(paths) > 1}
    self.assertEmpty(twice, "give each a name that says what it is")

  def test_no_folder_is_crowded(self):
    sizes = collections.Counter(str(path.parent.relative_to(ROOT)) for path in modules().values())
    for folder, size in sizes.items():
      self.assertLessEqual(size, MOST_FILES, f"{folder}: put what belongs together into a folder")

  def test_small_files_join_the_one_that_imports_them(self):
    users = collections.defaultdict(set)
    for name, path in modules().items():
      for imported in imported_modules(path):
        users[imported].add(name)
    for name, path in modules().items():
      folder, text = str(path.parent.relative_to(ROOT)), path.read_text(encoding="utf-8")
      if is_init(path) or folder in FAMILIES or "__main__" in text:
        continue
      if len(text.splitlines()) < SCREEN:
        self.assertNotEqual(len(users[name]), 1,
                            f"{name} is shorter than a screen: put it into {users[name]}")


class TestsTest(tf.test.TestCase):
  """The tests mirror the tree."""

  def test_folders_of_tests_are_folders_of_the_tree(self):
    for path in files_of_tests():
      folder = path.parent.relative_to(ROOT / "tests")
      if folder.parts and folder.parts[0] not in TEST_FOLDERS:
        self.assertTrue((ROOT / folder).is_dir() or (ROOT / "pzbias_tf" / folder).is_dir(),
                        f"{path}: no such folder in the tree")

  def test_no_helper_lives_in_a_test_file(self):
    for path in files_of_tests():
      for name in imported_names(path):
        self.assertFalse(any(word.startswith("test_") for word in name.split(".")[:-1]
                             if name.startswith("tests.")), f"{path} imports {name}")


if __name__ == "__main__":
  tf.test.main()
