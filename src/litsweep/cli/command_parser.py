"""The parsers of the command line. An error shows the usage of the command, and the word that was meant."""

import argparse
import re
from collections.abc import Collection, Sequence
from difflib import get_close_matches

_NUMBER = re.compile(r"-\d+|-\d*\.\d+")


class CommandParser(argparse.ArgumentParser):
    """The parser of one command. It reports unknown flags itself, also when an argument is missing."""

    def parse_known_args(  # type: ignore[override]  # the overloads of the base class
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse the words. Exit with the command's usage if there is an unknown one."""
        words = list(args or ())
        self._reject([word for word in words[: _end_of_flags(words)] if self._is_unknown(word)])
        found, rest = super().parse_known_args(words, namespace)
        self._reject(rest)
        return found, rest

    def _is_unknown(self, word: str) -> bool:
        """Return True for a flag that is neither one of the command nor the beginning of one."""
        if len(word) < 2 or word[0] != "-" or " " in word or _NUMBER.fullmatch(word):
            return False
        name = word.partition("=")[0]
        return not any(flag.startswith(name) or name[:2] == flag for flag in self._flags())

    def _flags(self) -> list[str]:
        return [flag for action in self._actions for flag in action.option_strings]

    def _reject(self, words: Sequence[str]) -> None:
        """Exit if there are unknown words."""
        if not words:
            return
        flags = [word.partition("=")[0] for word in words if word.startswith("-")]
        near = dict.fromkeys(near for flag in flags if (near := nearest(flag, self._flags())))
        guess = f"did you mean {', '.join(near)}?" if near else f"`{self.prog} --help` lists the arguments"
        self.error(f"unrecognized arguments: {' '.join(words)}; {guess}")


def check_command(parser: argparse.ArgumentParser, words: Sequence[str], commands: Collection[str]) -> None:
    """Exit with the usage of all commands unless the first word is a command or a flag of `parser`."""
    first = words[0] if words else "--help"
    if first in ("-h", "--help", "--version") or first in commands:
        return
    if first.startswith("-"):
        command = next((word for word in words if word in commands), "COMMAND")
        parser.error(f"{first}: write flags after the command, as in `litsweep {command} {first}`")
    near = nearest(first, commands)
    fix = f"did you mean {near}?" if near else "`litsweep --help` lists the commands"
    parser.error(f"there is no command {first!r}; {fix}")


def nearest(word: str, known: Collection[str]) -> str:
    """Return the known word that is most like `word`, or ""."""
    return next(iter(get_close_matches(word, known, n=1, cutoff=0.6)), "")


def _end_of_flags(words: Sequence[str]) -> int:
    return words.index("--") if "--" in words else len(words)
