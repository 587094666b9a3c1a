"""The flags of commands: defined in named groups, read, and shown by --help.

Flags are read before TensorFlow is imported, so that --help and a mistyped flag take no time.
A command's file therefore begins with its flags:

    if __name__ == "__main__":  # TensorFlow is imported once the flags are read
      WORDS = command_flags.read(flags.FLAGS, define_flags, __doc__)

and ends with `command.run(main, WORDS)`.
"""

from __future__ import annotations

import functools
import re
import sys
import textwrap
from typing import Any, Callable, Sequence

from absl import flags

from pzbias_tf.guards.terminal import print_page

COMMANDS = {
    "make-tfrecords": "data_tools.make_tfrecords",
    "train": "train.main",
    "eval": "eval.main",
    "predict": "eval.predict",
    "catalog": "eval.catalog",
    "simulate": "data_tools.simulate",
    "make-cutouts": "data_tools.make_cutouts",
    "verify": "data_tools.verify",
    "summarize": "data_tools.summarize",
    "experiments": "train.experiments",
    "results": "eval.results",
    "export": "eval.export",
}
"""{word after `pzbias`: module of the command}."""

HELP_WORDS = ("--help", "-help", "-h", "--helpshort", "--helpfull")
_WIDTH = 80
_LABELS = {"int": "INTEGER", "float": "NUMBER", "string": "TEXT", "multi string": "TEXT",
           "comma separated list of strings": "A,B,..."}


class FlagGroup:
  """absl's functions that define flags, bound to a set of flags and the heading of a group.

  Args:
    values: the set of flags.
    title: the heading under which --help shows them.

  Attributes:
    integer, real, text, words, repeated, switch, choice: define a flag of an int, a float, a
      str, a comma separated list, a list of all that was given, a bool, one of several words.
    parsed: defines a flag with a parser of its own, such as `NumberedWords`.
    alias: another name of a flag.
  """

  def __init__(self, values: flags.FlagValues, title: str):
    (self.integer, self.real, self.text, self.words, self.repeated, self.switch, self.choice,
     self.alias, self.parsed) = (
         functools.partial(define, flag_values=values, module_name=title) for define in (
             flags.DEFINE_integer, flags.DEFINE_float, flags.DEFINE_string, flags.DEFINE_list,
             flags.DEFINE_multi_string, flags.DEFINE_bool, flags.DEFINE_enum, flags.DEFINE_alias,
             _define_parsed))


class NumberedWords(flags.ArgumentParser):
  """Reads one of several words, or its number, as the number.

  Args:
    words: in the order of their numbers, from 0.
  """

  def __init__(self, words: Sequence[str]):
    self.enum_values = [word.lower() for word in words]

  def parse(self, argument: str | int) -> int:
    """The number of a word, or of a number's text.

    Raises:
      ValueError: it is neither.
    """
    word = str(argument).lower()
    if word in self.enum_values:
      return self.enum_values.index(word)
    if word.isdecimal() and int(word) < len(self.enum_values):
      return int(word)
    raise ValueError(f"value should be one of {', '.join(self.enum_values)}, or 0 to "
                     f"{len(self.enum_values) - 1}")

  def flag_type(self) -> str:
    """What it is, for absl."""
    return "numbered words"


def _define_parsed(parser, name, default, text, **places):
  flags.DEFINE(parser, name, default, text, serializer=flags.ArgumentSerializer(), **places)


def read(values: flags.FlagValues, define_flags: Callable[[flags.FlagValues], None],
         about: str | None) -> list[str]:
  """Reads the command line of the running command.

  Args:
    values: takes the flags.
    define_flags: defines them.
    about: the command's docstring.

  Returns:
    The command, and the words that are no flags.

  Raises:
    SystemExit: --help was given (status 0), or a flag is wrong (one line, status 1).
  """
  module = _running_module()
  if set(HELP_WORDS) & set(sys.argv[1:]):
    print_page(help_text(module, define_flags, about or ""))
    sys.exit(0)
  try:
    define_flags(values)
    return values(sys.argv)
  except flags.Error as error:
    sys.exit(f"Error: {_mistake(error)}; see python -m {module} --help")


def _mistake(error: flags.Error) -> str:
  """absl's message in one line."""
  message = " ".join(str(error).split()).removesuffix(".")
  missing = re.match(r"flag --(\w+)=None: .* other than None", message)
  return f"--{missing[1]} is missing" if missing else message


def _running_module() -> str:
  """Dotted name of the module that `python -m` runs."""
  spec = sys.modules["__main__"].__spec__
  return spec.name if spec else sys.argv[0]


def help_text(module: str, define_flags: Callable[[flags.FlagValues], None], about: str) -> str:
  """What --help prints: what the command does, how it is called, examples, and its own flags.

  Args:
    module: dotted name of the command's module.
    define_flags: defines its flags.
    about: its docstring: one line, then examples, which are indented, then the rest.
  """
  values = flags.FlagValues()
  define_flags(values)
  synopsis, _, rest = about.strip().partition("\n\n")
  lines = [synopsis, "", *_usage(module), "", "Examples:", "", rest, ""]
  for title, group in values.flags_by_module_dict().items():
    lines += [f"{title}:", *(line for flag in group for line in _flag_lines(flag)), ""]
  return "\n".join([
      *lines, "Also: --flagfile=FILE reads flags from a file; --verbosity=1 shows the",
      "traceback of an error."])


def _usage(module: str) -> list[str]:
  calls = [f"pzbias {name}" for name, other in COMMANDS.items() if other == module]
  calls.append(f"python -m {module}")
  return [f"{word} {call} [--FLAG=VALUE ...]" for word, call in zip(("Usage:", "   or:"), calls)]


def _flag_lines(flag: flags.Flag) -> list[str]:
  """A flag with the kind of its value, and below it its help text and default."""
  text = " ".join(str(flag.help).split())
  if flag.flag_type() == "string enum":
    text = text.partition(">: ")[2]  # absl repeats the words, which `flag_word` shows
  if "efault" not in text and flag.default not in (None, "", []) and flag.default is not False:
    text += f" Default: {flag.default_as_str.strip(chr(39))}."
  return [f"  {flag_word(flag)}",
          *textwrap.wrap(text, _WIDTH - 6, initial_indent=6 * " ", subsequent_indent=6 * " ",
                         break_on_hyphens=False)]


def flag_word(flag: Any) -> str:
  """A flag as it is typed, with the kind of its value, e.g. --net=INTEGER."""
  if flag.boolean:
    return f"--[no]{flag.name}"
  choices: Sequence[str] = getattr(flag.parser, "enum_values", ())
  label = "|".join(word for word in choices if word) or _LABELS.get(flag.flag_type(), "VALUE")
  return f"--{flag.name}={label}"
