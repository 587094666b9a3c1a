"""`pzbias`: all commands under one name; `python -m pzbias_tf` is the same.

It runs the modules of this package, whatever the working folder holds: a train.py there would be
taken for the package of `python -m train.main`.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.util
import os
import runpy
import sys

from pzbias_tf import survey
from pzbias_tf.command_line import completion
from pzbias_tf.command_line.command_flags import COMMANDS, HELP_WORDS
from pzbias_tf.guards.terminal import print_page

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_OTHERS = {"surveys": "Lists the surveys that have a name.",
           "completion": "Prints a script that completes commands and flags: completion bash|zsh."}
RAIL_STAGES = ("PzbiasInformer", "PzbiasEstimator", "PzbiasStep4")
"""Those of `pzbias_tf.rail`."""

_EXAMPLES = """Examples:

  pzbias make-tfrecords --num=15000
  pzbias train --tstep=1 --multir
  pzbias eval"""


def main() -> None:
  """Runs the command that the first word names."""
  _find_own_packages()
  name, *words = sys.argv[1:] or ["--help"]
  if name in HELP_WORDS:
    print_page(listing())
  elif name in COMMANDS:
    sys.argv = [f"pzbias {name}", *words]
    runpy.run_module(COMMANDS[name], run_name="__main__", alter_sys=True)
  elif name in RAIL_STAGES:
    _run_rail_stage()
  elif name == "surveys" and not words:
    print_page(surveys())
  elif name == "completion" and len(words) == 1 and words[0] in completion.SHELLS:
    print_page(completion.script(words[0], _OTHERS))
  elif name in _OTHERS:
    sys.exit(f"Error: unexpected words after pzbias {name}: {' '.join(words) or 'none'}. "
             f"{name}: {_OTHERS[name]}")
  else:
    near = difflib.get_close_matches(name, [*COMMANDS, *_OTHERS], 1)
    sys.exit(f"Error: no command {name!r}{f'; did you mean {near[0]}?' if near else ''} "
             "pzbias --help lists the commands")


def _run_rail_stage() -> None:
  """Hands a stage of a RAIL pipeline to ceci, which starts it as `python -m <package> <stage>`."""
  try:
    importlib.import_module("pzbias_tf.rail")  # registers them
  except ImportError as error:
    sys.exit(f"Error: {error}")
  sys.exit(importlib.import_module("ceci.stage").PipelineStage.main())


def _find_own_packages() -> None:
  """Lets the packages beside this one be found first, where a file of the user's hides them."""
  for package in sorted({module.split(".")[0] for module in COMMANDS.values()}):
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin != os.path.join(_ROOT, package, "__init__.py"):
      sys.path.insert(0, _ROOT)
      importlib.invalidate_caches()
      return


def listing() -> str:
  """All commands, one per line."""
  lines = {**{name: _synopsis(module) for name, module in COMMANDS.items()}, **_OTHERS}
  width = max(map(len, lines))
  return "\n".join([
      "Photometric redshifts from galaxy images, with the biases taken out.", "",
      "Usage: pzbias COMMAND [--FLAG=VALUE ...]", "", _EXAMPLES, "", "Commands:",
      *(f"  {name:{width}}  {text}" for name, text in lines.items()), "",
      "pzbias COMMAND --help shows the flags of a command."])


def _synopsis(module: str) -> str:
  """First line of a module's docstring; the module is not run."""
  spec = importlib.util.find_spec(module)
  if spec is None or spec.origin is None:
    raise ModuleNotFoundError(f"{module} is missing; install pzbias_tf again")
  with open(spec.origin, encoding="utf-8") as file:
    return (ast.get_docstring(ast.parse(file.read())) or "").splitlines()[0]


def surveys() -> str:
  """The named surveys, one per line."""
  lines = [f"{'name':13}{'bands':14}{'arcsec/pixel':>12}{'z':>7}{'r':>13}  what it is"]
  for name in survey.survey_names():
    known = survey.load_survey(name)
    with open(survey.survey_file(name), encoding="utf-8") as file:
      about = file.readline().strip("# \n")
    lines.append(f"{name:13}{' '.join(known.bands):14}{known.pixel_scale_arcsec:12g}"
                 f"{f'< {known.z_max:g}':>7}{f'{known.r_min:g} to {known.r_max:g}':>13}  {about}")
  return "\n".join([*lines, "", f"Sources, and all settings: {survey.survey_file('*')}"])


if __name__ == "__main__":
  main()
