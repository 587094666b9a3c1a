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

# From the ground up: a part of the library may import those of the lines above its own.
LAYERS = (
    ("compat", "survey_checks", "versions"),
    ("arguments", "choices", "files", "missing_values", "pictures", "progress", "survey"),
    ("guards",),
    ("command_line", "tables"),
    ("cells", "fitted_models", "storage", "table_columns"),
    ("table_ids",),
    ("data",),
    ("bias", "models"),
    ("predictions",),
    ("metrics",),
    ("report",),
    ("training",),
    ("photoz_catalog", "trained_run"),
    ("rail",),
    ("__main__",),
)
READS_COMMAND_LINES = "pzbias_tf/command_line/command_flags.py"
"""What commands begin with: it hands the values on, as they do."""

# Entry points, and which other ones they may import.
ENTRY_POINTS = {"data_tools": set(), "train": set(), "eval": {"data_tools"}}
# Folders with one file per member of a family, whose names say only which member it is.
FAMILIES = ("pzbias_tf/report/figures", "data_tools/readers")
# At the root of train/ and eval/: the commands, and what several of them share.
ROOT_FILES = {
    "train": {"main", "experiments", "flags", "settings", "variants", "plan", "study_items"},
    "eval": {"main", "catalog", "predict", "export", "results", "run"},
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
  """Everything that a file imports, also inside of functions, as dotted names.

  A relative import keeps its dots, and no module has such a name: there shall be none.
  """
  names = []
  for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
    if isinstance(node, ast.Import):
      names += [name.name for name in node.names]
    elif isinstance(node, ast.ImportFrom):
      module = "." * node.level + (node.module or "")
      names += [f"{module}.{name.name}" for name in node.names]
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


@functools.cache
def run_modules(path: pathlib.Path) -> set[str]:
  """The modules that must have run before a file can, packages around its imports included.

  Not those around the file itself: a package may import its parts, to pass them on.  Nor what
  the library's own package imports: it does so when a name of it is first used.
  """
  if path == ROOT / "pzbias_tf" / "__init__.py":
    return set()
  own = name_of(path)
  names = imported_modules(path)
  around = {".".join(words[:end]) for words in (name.split(".") for name in names)
            for end in range(1, len(words))}
  return names | {name for name in around & set(modules())
                  if not f"{own}.".startswith(f"{name}.")}


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
    self.assertCountEqual(parts, [part for layer in LAYERS for part in layer],
                          "give a new part its place in LAYERS, and take out one that is gone")

  @parameterized.parameters(*files())
  def test_imports_are_absolute(self, file):
    for name in imported_names(ROOT / file):
      self.assertFalse(name.startswith("."), f"{file}: write {name} from its package on")

  @parameterized.parameters(*[file for file in files() if file.startswith("pzbias_tf/")])
  def test_arrows_of_the_library_run_one_way(self, file):
    floor = {part: number for number, layer in enumerate(LAYERS) for part in layer}
    path = ROOT / file
    own = (name_of(path).split(".") + [""])[1]  # none for the package itself, which is the door
    for name in imported_names(path):
      words = name.split(".")
      self.assertNotIn(words[0], (*ENTRY_POINTS, "tests", "benchmarks"),
                       f"{file}: the library stands alone; move what it needs into pzbias_tf")
      if words[0] == "pzbias_tf" and own and words[1:] and words[1] in set(floor) - {own}:
        self.assertLess(floor[words[1]], floor[own],
                        f"{file} imports {name}, which LAYERS does not have above {own}: move what "
                        "both need further down")

  @parameterized.parameters(*ENTRY_POINTS)
  def test_entry_points_leave_each_other_alone(self, package):
    others = {*ENTRY_POINTS, "tests", "benchmarks"} - {package} - ENTRY_POINTS[package]
    for name, path in modules().items():
      if name.split(".")[0] == package:
        for imported in imported_names(path):
          self.assertNotIn(imported.split(".")[0], others,
                           f"{name} imports {imported}: move what both need into pzbias_tf")

  def test_no_two_files_import_each_other(self):
    """Not in a circle of any length, either."""
    edges = {name: run_modules(path) for name, path in modules().items()}
    for start in edges:
      seen, waiting = set(), [(start,)]
      while waiting:
        way = waiting.pop()
        for name in edges.get(way[-1], ()):
          self.assertNotEqual(
              name, start, " -> ".join((*way, name)) + ": move what both need into a file of its "
              "own, or import the part instead of its package")
          if name not in seen:
            seen.add(name)
            waiting.append((*way, name))

  @parameterized.parameters(*[file for file in files() if file.startswith("pzbias_tf/")])
  def test_no_flags_in_the_library(self, file):
    if file == READS_COMMAND_LINES:
      return
    for name in imported_names(ROOT / file):
      self.assertFalse(name.startswith("absl.flags"),
                       f"{file}: read the flag in train, eval or data_tools, and hand its value on")

  def test_one_module_imports_tensorflow_addons(self):
    users = [name for name, path in modules().items()
             if any(imported.split(".")[0] == "tensorflow_addons"
                    for imported in imported_names(path))]
    self.assertEqual(users, ["pzbias_tf.compat.addons"],
                     "what others need of tensorflow-addons belongs into compat/addons.py")

  def test_no_survey_is_named_outside_of_its_definition(self):
    for name, path in modules().items():
      if name.startswith("pzbias_tf.") and name != "pzbias_tf.survey":
        for imported in imported_names(path):
          self.assertNotIn(imported.split(".")[-1],
                           ("SDSS", "CFHTLS_WIDE", "CFHTLS_DEEP", "SURVEYS"),
                           f"{name}: take the survey as an argument")


class RoomsTest(tf.test.TestCase, parameterized.TestCase):

  def test_the_families_are_there(self):
    self.assertContainsSubset(FAMILIES, {str(pathlib.Path(file).parent) for file in files()})

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
    """Apart from commands, whose names are what people type."""
    places = collections.defaultdict(list)
    for path in modules().values():
      folder = str(path.parent.relative_to(ROOT))
      if path.stem not in ("__init__", "__main__", "main") and folder not in (
          *FAMILIES, *ENTRY_POINTS):
        places[path.stem].append(str(path.relative_to(ROOT)))
    twice = {name: paths for name, paths in places.items() if len(paths) > 1}
    self.assertEmpty(twice, "give each a name that says what it is")

  def test_no_folder_is_crowded(self):
    paths = [*modules().values(), *(ROOT / "benchmarks").rglob("*.py")]
    sizes = collections.Counter(str(path.parent.relative_to(ROOT)) for path in paths)
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
        own = ROOT if folder.parts[0] in PACKAGES else ROOT / "pzbias_tf"
        self.assertTrue((own / folder / "__init__.py").exists(),
                        f"{path}: tests stand in a folder named as that of what they test")

  def test_no_helper_lives_in_a_test_file(self):
    tests = {name_of(path) for path in files_of_tests() if path.name.startswith("test_")}
    for path in [*files_of_tests(), *modules().values(), *(ROOT / "benchmarks").rglob("*.py")]:
      for name in imported_names(path):
        self.assertEmpty(tests & {name, name.rpartition(".")[0]},
                         f"{path}: move what it takes from there into a file that is no test")


if __name__ == "__main__":
  tf.test.main()
