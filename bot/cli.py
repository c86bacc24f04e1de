"""`tsuzuki run | worker | continue | play | train | doctor | export`.

Each command imports what it needs when it runs, so that none pays for the others.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from bot.app.exit_codes import FAILED, INTERRUPTED, exit_code_of
from bot.domain.errors import NotText
from config.i18n import terminal_locale

if TYPE_CHECKING:
    from config.i18n import Translations
    from config.settings import Settings

WORKER_PORT = 8100
"""Beside the web room's, out of the way of what else likes 8000 and 8080."""

app = typer.Typer(
    name="tsuzuki",
    help="Write a Japanese story together with XGLM, in Discord, Slack, a web room or right here.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Config = Annotated[
    Path | None, typer.Option(help="The settings file. Default: tsuzuki.toml in this folder, if it is there.")
]
Encoding = Annotated[
    str, typer.Option(help="Of standard input: utf-8, utf-16, shift_jis, euc-jp ... Default: found out.")
]
Model = Annotated[str | None, typer.Option(help="A hub name or a folder. Default: the embedded model.")]
CorsOrigins = Annotated[
    list[str] | None,
    typer.Option(help="Whose pages may ask from a browser, as https://example.org; * for all. Repeatable."),
]
Stages = Annotated[
    list[str] | None,
    typer.Option(
        help="A part of the run, in order, as SHARE:LENGTHS:HEAD; repeatable. 0.7:512+1024:sampled reads "
        "70 % in windows of both lengths with the cheaper head; without :sampled the head is full. "
        "Default: short windows first; with --start, half and whole context all along."
    ),
]
AverageStart = Annotated[
    Path | None,
    typer.Option(help="A checkpoint that the average starts from, where the run's state has none."),
]
ConstantShare = Annotated[
    float, typer.Option(help="Share of the run at the full learning rate.", min=0, max=1)
]
AverageTokens = Annotated[
    int, typer.Option(help="How far back the average of the weights reaches, in tokens.", min=1)
]
Start = Annotated[
    Path | None, typer.Option(help="A checkpoint made by this command to go on from, in a new run.")
]


@app.command()
def run(config: Config = None) -> None:
    """Open the web room, and connect to Discord and Slack where tokens are set."""
    settings, say, locale = _prepare(config)
    from bot.app.bootstrap import run as run_app

    asyncio.run(run_app(settings, say, locale, _announce))


@app.command()
def worker(
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65535)] = WORKER_PORT,
    uds: Annotated[Path | None, typer.Option(help="Listen at a Unix socket instead.")] = None,
    model: Model = None,
    dtype: Annotated[str | None, typer.Option(help="auto, float32, bfloat16 or float16.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N.")] = None,
    backend: Annotated[str | None, typer.Option(help="auto, openvino or torch.")] = None,
    quantization: Annotated[str | None, typer.Option(help="auto, none or int8.")] = None,
    slots: Annotated[int | None, typer.Option(help="Continuations written at once.", min=1)] = None,
    threads: Annotated[int | None, typer.Option(help="Processor threads.", min=1)] = None,
    kv_memory_mib: Annotated[int | None, typer.Option(help="Memory for keys and values.", min=1)] = None,
    kv_precision: Annotated[str | None, typer.Option(help="auto, u8 or f16.")] = None,
    cuda_graphs: Annotated[str | None, typer.Option(help="on or off.")] = None,
    cache: Annotated[Path | None, typer.Option(help="Where converted checkpoints are kept.")] = None,
    languages: Annotated[str | None, typer.Option(help="What it may write: ja,en or all.")] = None,
    cors_origin: CorsOrigins = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
    config: Config = None,
) -> None:
    """Serve a model over HTTP for a bot, here or on another machine. Options win over the settings."""
    # Before torch is imported: with a core busy, its spinning threads slow a step up to forty times.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from bot.app.worker_entry import engine_options
    from bot.worker.main import run_worker

    settings = _prepare(config, level=log_level)[0]
    run_worker(
        engine_options(
            settings.engine,
            model=model,
            dtype=dtype,
            device=device,
            backend=backend,
            quantization=quantization,
            slots=slots,
            threads=threads,
            kv_memory_mib=kv_memory_mib,
            kv_precision=kv_precision,
            cuda_graphs=cuda_graphs,
            cache=cache,
            languages=tuple(languages.split(",")) if languages else None,
        ),
        host,
        port,
        str(uds) if uds else None,
        cors_origin or settings.engine.cors_origins,
    )


@app.command(name="continue")
def continue_(
    text: Annotated[str, typer.Argument(help="The story so far; - reads standard input.")],
    length: Annotated[str, typer.Option(help="short, medium, long, or characters.")] = "medium",
    preset: Annotated[
        str, typer.Option(help="steady, standard, bold, quickstart (堅実, 標準, 冒険).")
    ] = "standard",
    seed: Annotated[
        int | None, typer.Option(help="The same seed gives the same continuation.", min=0)
    ] = None,
    candidates: Annotated[int, typer.Option(help="How many continuations to write.", min=1, max=5)] = 1,
    encoding: Encoding = "",
    model: Model = None,
    config: Config = None,
) -> None:
    """Let a story go on, here in the terminal: the text and its continuation, nothing else, on stdout."""
    settings, say, locale = _prepare(config, quiet=True)
    from bot.app.terminal import continue_story, file_message, options_from, typed_message, with_model
    from bot.domain.jobs import JobState

    ask = options_from(length, preset, candidates, seed, locale)
    if text == "-":
        story = file_message(_read_input(settings.story.max_file_characters, encoding), locale)
    else:
        story = typed_message(_as_given(text), locale)
    state = asyncio.run(
        continue_story(with_model(settings, model), say, locale, story, ask, sys.stdout, sys.stderr)
    )
    if state is not JobState.DONE:
        raise typer.Exit(FAILED if state is JobState.FAILED else INTERRUPTED)


@app.command()
def play(
    story: Annotated[
        str | None, typer.Argument(help="A story's id or its beginning. Default: the one that is open.")
    ] = None,
    encoding: Encoding = "",
    model: Model = None,
    config: Config = None,
) -> None:
    """Tell a story here in the terminal: passages as you type them, commands behind a slash (/help)."""
    settings, say, locale = _prepare(config, quiet=True)
    from bot.app.terminal import play_stories, typed_lines, with_model
    from bot.text.text_file import codec_of

    codec_of(encoding or "utf-8")  # a wrong name is said before anything is started
    lines = typed_lines(sys.stdin.fileno(), encoding)
    whole = not (sys.stdin.isatty() and sys.stdout.isatty())
    chosen = with_model(settings, model)
    well = asyncio.run(play_stories(chosen, say, locale, story, lines, sys.stdout, sys.stderr, whole=whole))
    # At a keyboard what went wrong was seen and answered; a script must be able to tell.
    if not well and not sys.stdin.isatty():
        raise typer.Exit(FAILED)


@app.command()
def train(
    corpus: Annotated[list[str], typer.Argument(help="Corpus files: FILE, or FILE=SHARE to mix several.")],
    out: Annotated[Path, typer.Option(help="The run's folder; one that holds a run is gone on with.")],
    tokens: Annotated[int, typer.Option(help="Tokens to read in all.", min=1)] = 40_000_000,
    pieces: Annotated[int, typer.Option(help="Pieces of the tokenizer.", min=100)] = 16_000,
    d_model: Annotated[int, typer.Option(help="Width of the model.", min=8)] = 256,
    layers: Annotated[int, typer.Option(min=1)] = 6,
    heads: Annotated[int, typer.Option(min=1)] = 4,
    context: Annotated[int, typer.Option(help="Tokens the model sees at once.", min=16)] = 1024,
    stage: Stages = None,
    constant: ConstantShare = 0.5,
    batch_tokens: Annotated[int, typer.Option(help="Tokens a step.", min=16)] = 4096,
    average_tokens: AverageTokens = 5_000_000,
    average_start: AverageStart = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    threads: Annotated[int | None, typer.Option(help="Processor threads. Default: all.", min=1)] = None,
    seed: Annotated[int, typer.Option(help="Of the first weights and of the order of the texts.")] = 0,
    start: Start = None,
) -> None:
    """Train an XGLM checkpoint from scratch on your own texts.

    It resumes where it was interrupted; SIGTERM and Ctrl-C save its state after the step that is under way.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from bot.train.command import ModelShape, TrainingOptions, count_stop_signals
    from bot.train.command import train as train_checkpoint
    from bot.train.device import Compute

    options = TrainingOptions(
        tokens=tokens,
        stages=stage or (),
        constant=constant,
        average_tokens=average_tokens,
        batch_tokens=batch_tokens,
        shape=ModelShape(pieces, d_model, layers, heads, context),
        start=start,
        average_start=average_start,
        seed=seed,
    )
    with count_stop_signals() as stopped:
        trained = train_checkpoint(
            corpus, out, options, compute=Compute.choose(device), threads=threads, stopped=stopped
        )
    if trained.released is None:
        typer.echo(f"stopped after {trained.tokens:,} tokens: the same command goes on", err=True)
        raise typer.Exit(128 + stopped())
    loss = trained.released
    typer.echo(f"{out / 'release'}: {loss.per_character:.4f} nats a character on works it did not read")


@app.command()
def export(
    story: Annotated[
        str | None, typer.Argument(help="The story's id or its beginning; without it: a list.")
    ] = None,
    form: Annotated[str, typer.Option("--format", help="txt or md.")] = "txt",
    out: Annotated[Path | None, typer.Option(help="The file to write. Default: standard output.")] = None,
    config: Config = None,
) -> None:
    """Write a story to a file, or list the stories there are."""
    from adapters.shared.atomic_file import write_atomically
    from bot.app.export import export_story, list_stories

    settings, say, locale = _prepare(config, quiet=True)
    if story is None:
        typer.echo(asyncio.run(list_stories(settings.store.url, say, locale)))
        return
    text = asyncio.run(export_story(settings.store.url, story, form))
    if out is None:
        typer.echo(text, nl=False)
    else:
        write_atomically(out, text)
        typer.echo(say("export.written", locale, path=out), err=True)


@app.command()
def doctor(
    platform: Annotated[str | None, typer.Argument(help="discord or slack: look closer at that one.")] = None,
    config: Config = None,
) -> None:
    """Look at what Tsuzuki needs, and say what is missing."""
    from bot.app.doctor import examine, examine_platform, report

    settings, say, locale = _prepare(config, quiet=True)
    findings = examine(settings) if platform is None else examine_platform(settings, platform)
    typer.echo(report(findings, say, locale))
    if any(finding.broken for finding in findings):
        raise typer.Exit(FAILED)


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script: what is wrong is told in one line, never as a traceback."""
    # Closed by who started us: Python has no stream then, and each line that is written would be an error.
    sys.stdout, sys.stderr = (stream or _nowhere() for stream in (sys.stdout, sys.stderr))
    # A character that the terminal's encoding lacks must not end the story.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    given = arguments or sys.argv[1:] or ["--help"]
    sys.exit(exit_code_of(lambda: app(given, standalone_mode=False)))


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")


def _prepare(
    config: Path | None, *, quiet: bool = False, level: str | None = None
) -> tuple[Settings, Translations, str]:
    """Settings, sentences and the terminal's language, with the log set up. `quiet`: no ordinary lines."""
    from config.i18n import Translations
    from config.logging import configure_logging
    from config.settings import load_settings, with_log_level

    settings = load_settings(config)
    level = level or settings.log.level
    if quiet and level == "info":
        level = "warning"
    settings = with_log_level(settings, level)
    configure_logging(settings.log.level, settings.log.format, settings.secrets())
    return settings, Translations.load(), terminal_locale(os.environ, settings.locale)


def _read_input(max_characters: int, encoding: str) -> str:
    """What standard input says, up to its end; no more of it is read than can be a text."""
    from bot.text.text_file import max_bytes, text_of

    return text_of(sys.stdin.buffer.read(max_bytes(max_characters) + 1), max_characters, encoding)


def _as_given(argument: str) -> str:
    """The story so far, exactly as it was given."""
    try:
        # An argument that is not UTF-8 arrives with lone surrogates in it.
        return argument.encode("utf-8").decode("utf-8")
    except UnicodeError:
        raise NotText from None


def _announce(line: str) -> None:
    typer.echo(line)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
