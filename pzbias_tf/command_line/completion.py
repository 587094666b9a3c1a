"""Completion of `pzbias` in bash and zsh: a script with the commands and their flags."""

from __future__ import annotations

import contextlib
import io
import re
import runpy
import sys
from typing import Collection

from pzbias_tf.command_line.command_flags import COMMANDS

SHELLS = ("bash", "zsh")

_BASH = """\
# pzbias completion bash > ~/.local/share/bash-completion/completions/pzbias
_pzbias() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" words
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="{commands}"
  else
    case "${{COMP_WORDS[1]}}" in
{cases}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
  case "${{COMPREPLY[0]}}" in *=) compopt -o nospace 2>/dev/null;; esac
}}
complete -o default -F _pzbias pzbias
"""

_ZSH = """\
#compdef pzbias
# pzbias completion zsh > a folder of your fpath/_pzbias
_pzbias() {{
  local -a flags
  if (( CURRENT == 2 )); then
    compadd -- {commands}
    return
  fi
  case $words[2] in
{cases}
  esac
  if [[ $PREFIX == --*=* ]]; then
    compset -P '*='
    _files
  else
    compadd -S '' -- $flags
  fi
}}
if [ "$funcstack[1]" = "_pzbias" ]; then _pzbias "$@"; else compdef _pzbias pzbias; fi
"""


def script(shell: str, others: Collection[str]) -> str:
  """The script for a shell.

  Args:
    shell: one of SHELLS.
    others: commands without flags.
  """
  flags = {name: _flags(module) for name, module in COMMANDS.items()}
  if shell == "bash":
    template, line = _BASH, '      {}) words="{}";;'
  else:
    template, line = _ZSH, "    {}) flags=({});;"
  words = {**{name: " ".join(own) for name, own in flags.items()}, "completion": " ".join(SHELLS)}
  return template.format(commands=" ".join([*COMMANDS, *others]), cases="\n".join(
      line.format(name, own) for name, own in words.items()))


def _flags(module: str) -> list[str]:
  """A command's flags, as its --help shows them, each with = where a value follows."""
  said, given = io.StringIO(), sys.argv
  sys.argv = [module, "--help"]
  try:
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
      runpy.run_module(module, run_name="__main__", alter_sys=True)
  finally:
    sys.argv = given
  shown = re.findall(r"^  --(\[no\])?(\w+)", said.getvalue(), re.MULTILINE)
  return [f"--{name}" if switch else f"--{name}=" for switch, name in shown] + ["--help"]
