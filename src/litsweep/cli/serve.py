"""`litsweep serve`: the embedded backend in the foreground."""

import argparse
import shlex
import socket
import sys
from urllib.parse import urlsplit

from litsweep.cli.options import DEFAULT_PORT, add_data_dir, add_port, show_other_port


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's parser."""
    purpose = "run the embedded W&B-compatible server in the foreground"
    parser = commands.add_parser("serve", help=purpose, description=purpose)
    add_data_dir(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add_port(parser)
    parser.add_argument(
        "--database-url",
        help="database, such as postgresql+psycopg://USER@HOST/NAME (default: SQLite in the data folder)",
    )
    parser.set_defaults(execute=execute)


def execute(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C and return 0."""
    from litsweep.server.auth import Keyring, api_key
    from litsweep.server.dashboard.login import login_link
    from litsweep.server.serve import ServerInfo, serve
    from litsweep.server.settings import Settings

    def announce(info: ServerInfo) -> None:
        show_other_port(args.port, info.url)
        keyring = Keyring(api_key(settings.data_dir))
        print(f"export WANDB_BASE_URL={shlex.quote(info.url)}")
        print(f"export WANDB_API_KEY={shlex.quote(keyring.key)}", flush=True)
        if settings.host in ("0.0.0.0", "::"):
            remote = f"http://{socket.gethostname()}:{urlsplit(info.url).port}"
            print(f"On other machines: export WANDB_BASE_URL={remote}", file=sys.stderr)
        print(f"\nDashboard: {info.url}{login_link(keyring)}", file=sys.stderr)
        print(f"Data: {settings.data_dir}\nCtrl-C stops it.", file=sys.stderr)

    settings = Settings(
        data_dir=args.data_dir.expanduser(),
        host=args.host,
        port=DEFAULT_PORT if args.port is None else args.port,
        is_port_fixed=args.port is not None,
        database_url=args.database_url,
    )
    serve(settings, announce)
    return 0
