"""`litsweep serve`: the embedded backend in the foreground."""

import argparse
import ipaddress
import os
import shlex
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from litsweep.cli.options import DEFAULT_PORT, add_data_dir, add_port, show_other_port, writable
from litsweep.cli.server_use import end_when_unused
from litsweep.errors import LitsweepError, reason_of

if TYPE_CHECKING:
    from litsweep.server.server_info import ServerInfo
    from litsweep.server.settings import Settings


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    add_data_dir(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add_port(parser)
    parser.add_argument(
        "--allowed-host", action="append", default=[], metavar="NAME",
        help="another name by which clients address the server, such as a TLS proxy's (repeatable)",
    )  # fmt: skip
    parser.add_argument(
        "--database-url",
        help="database, such as postgresql+psycopg://USER@HOST/NAME (default: $LITSWEEP_DATABASE_URL, else "
        "SQLite in the data folder). All users of the machine see a password given here",
    )
    parser.add_argument("--database-url-file", type=Path, metavar="FILE", help="file with the database URL")
    parser.add_argument(
        "--log", type=writable, metavar="FILE", help="log to FILE instead of stderr; its size is limited"
    )
    parser.add_argument("--while-used", action="store_true", help=argparse.SUPPRESS)  # for other commands
    parser.set_defaults(execute=execute)


def execute(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C and return 0."""
    from litsweep.server.serve import serve
    from litsweep.server.settings import Settings

    settings = Settings(
        data_dir=args.data_dir.expanduser(),
        host=args.host,
        port=DEFAULT_PORT if args.port is None else args.port,
        is_port_fixed=args.port is not None,
        database_url=_database_url(args),
        allowed_hosts=tuple(args.allowed_host),
        log=args.log,
    )
    if args.while_used:
        end_when_unused(settings.data_dir)
    serve(settings, lambda info: _announce(info, settings, args.port))
    return 0


def _database_url(args: argparse.Namespace) -> str | None:
    from litsweep.server.settings import DATABASE_URL_VARIABLE, masked

    url, file = args.database_url, args.database_url_file
    if url and file:
        raise LitsweepError("--database-url and --database-url-file: give only one of them")
    if url and masked(url) != url:
        print(
            "--database-url: all users of this machine see the password in the list of processes; put the "
            f"URL into the variable {DATABASE_URL_VARIABLE} or a --database-url-file",
            file=sys.stderr,
        )
    if file is None:
        return url or os.environ.get(DATABASE_URL_VARIABLE)
    try:
        return str(file.expanduser().read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError, RuntimeError) as error:  # RuntimeError: ~ of an unknown user
        raise LitsweepError(
            f"--database-url-file {file}: cannot be read ({reason_of(error)}); name a text file with the URL"
        ) from None


def _announce(info: "ServerInfo", settings: "Settings", port: int | None) -> None:
    """Print how to connect. A secret goes only to a terminal, because others may read a log."""
    from litsweep.server.api_key import api_key
    from litsweep.server.auth import Keyring
    from litsweep.server.dashboard.login import login_link

    show_other_port(port, info.url)
    keyring = Keyring(api_key(settings.data_dir))
    print(f"export WANDB_BASE_URL={shlex.quote(info.url)}")
    if sys.stdout.isatty():
        print(f"export WANDB_API_KEY={shlex.quote(keyring.key)}")
    else:
        print(f"# `litsweep env --data-dir {shlex.quote(str(settings.data_dir))}` prints WANDB_API_KEY")
    sys.stdout.flush()
    if warning := warning_of_network(settings.host, info.url):
        print(warning, file=sys.stderr)
    link = login_link(keyring) if sys.stderr.isatty() else "/"
    print(f"\nDashboard: {info.url}{link}\nData: {settings.data_dir}\nCtrl-C stops it.", file=sys.stderr)


def warning_of_network(host: str, url: str) -> str:
    """Return a warning with the commands for other machines. Return "" if only this machine can connect."""
    if _is_loopback(host):
        return ""
    name = socket.gethostname() if host in ("0.0.0.0", "::") else urlsplit(url).hostname
    port = urlsplit(url).port
    return (
        f"On other machines: export WANDB_BASE_URL=http://{name}:{port}\n"
        f"Warning: with --host {host} the key and all data cross the network unencrypted. Use a private "
        "network, or listen on 127.0.0.1 and put a TLS proxy before it:\n"
        f"    litsweep serve --port {port} --allowed-host NAME\n"
        f"    caddy reverse-proxy --from NAME --to 127.0.0.1:{port}"
    )


def _is_loopback(host: str) -> bool:
    """Return True if only this machine reaches the address. A name counts with its first address."""
    try:
        found = socket.getaddrinfo(host or "0.0.0.0", None)
        return ipaddress.ip_address(found[0][4][0]).is_loopback
    except (OSError, ValueError):
        return False
