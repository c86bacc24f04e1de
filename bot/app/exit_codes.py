"""What of a command goes wrong: told in one line, in the person's language, and by its exit code."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable
from typing import Any

import typer
from typer.exceptions import TyperException

from bot.domain.errors import NotText, SpokenError, TsuzukiError, UserError
from config.errors import SettingsError
from config.i18n import terminal_locale

BAD_INPUT = 2
FAILED = 1
INTERRUPTED = 130
READER_GONE = 141
"""What a shell tells of a command that a closed pipe has ended: 128 and the number of SIGPIPE."""
DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

USAGE_SENTENCES = {
    "BadParameter": "cli.bad_value",
    "MissingParameter": "cli.missing",
    "NoSuchOption": "cli.no_such_option",
}
"""By the name of the library's error."""


def exit_code_of(command: Callable[[], int | None]) -> int:
    """Run a command to its end; what goes wrong is told on standard error."""
    try:
        code = int(command() or 0)
        sys.stdout.flush()  # what is held back counts as well
    except TyperException as error:
        return _complain(_usage_sentence(error), error.exit_code)
    except SettingsError as error:
        return _complain(_settings_sentence(error), BAD_INPUT)
    except NotText:
        return _complain(_sentence("cli.not_text"), BAD_INPUT)
    except SpokenError as error:
        return _complain(
            _sentence(error.key, **error.values), BAD_INPUT if isinstance(error, UserError) else FAILED
        )
    except TsuzukiError as error:
        return _complain(str(error), FAILED)
    except OSError as error:
        return _failed_to_write(error)
    except SystemExit as error:
        if isinstance(error.__context__, BrokenPipeError):  # typer's own way to take it
            return READER_GONE
        raise
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    return code


def _failed_to_write(error: OSError) -> int:
    """Whoever read along has gone (`| head`), which is no error; or the disk is full, or the like."""
    gone = isinstance(error, BrokenPipeError)
    code = READER_GONE if gone else _complain(_os_sentence(error), FAILED)
    # What could not be written is tried once more when Python ends, which would complain of it then.
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return code


def _os_sentence(error: OSError) -> str:
    if error.errno in DISK_FULL:
        return _sentence("cli.disk_full")
    place = f" ({error.filename})" if error.filename else ""
    return _sentence("cli.system", reason=f"{error.strerror or error}{place}")


def _complain(line: str, code: int) -> int:
    with contextlib.suppress(OSError):  # nobody hears it; the exit code says it as well
        typer.echo(line, err=True)
    return code


def _sentence(key: str, **values: Any) -> str:
    from config.i18n import Translations

    return Translations.load()(key, terminal_locale(os.environ), **values)


def _usage_sentence(error: TyperException) -> str:
    """What was typed wrong. The library's own words are English; the kinds people meet are said in ours."""
    kind = type(error).__name__
    parameter = getattr(error, "param", None)
    name = getattr(error, "option_name", None) or (parameter and max(parameter.opts, key=len))
    if name and kind in USAGE_SENTENCES:
        return _sentence(USAGE_SENTENCES[kind], name=name)
    return _sentence("cli.usage", reason=error.format_message())


def _settings_sentence(error: SettingsError) -> str:
    values = dict(error.values)
    if error.expected is not None:
        values["expected"] = _sentence(error.expected, **values)
    return _sentence(error.key, **values)
