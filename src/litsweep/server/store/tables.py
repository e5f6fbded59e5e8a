"""The tables. JSON is text, times are seconds since 1970 (UTC): both read the same on every database."""

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

projects = Table(
    "projects",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("entity", String(128), nullable=False),
    Column("name", String(128), nullable=False),
    Column("description", Text),
    Column("created_at", Double, nullable=False),
    UniqueConstraint("entity", "name"),
)

sweeps = Table(
    "sweeps",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("projects.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", String(128), nullable=False, unique=True),
    Column("display_name", Text),
    Column("description", Text),
    Column("config", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("done_because", Text),
    Column("program", Text),
    Column("controller", Text),
    Column("scheduler", Text),
    Column("prior_runs", Text),
    # What the search last said: the best objective, its warnings, and how many runs there will be at most.
    Column("best_loss", Double),
    Column("warnings", Text, nullable=False, default="[]"),
    Column("expected_runs", BigInteger),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
)

agents = Table(
    "agents",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sweep_id", ForeignKey("sweeps.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", String(32), nullable=False, unique=True),
    Column("host", Text, nullable=False),
    Column("exited", Integer, nullable=False, default=0),
    Column("created_at", Double, nullable=False),
    Column("heartbeat_at", Double, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(128), nullable=False),
    Column("display_name", Text, nullable=False),
    Column("sweep_id", ForeignKey("sweeps.id", ondelete="CASCADE"), index=True),
    Column("agent_id", ForeignKey("agents.id", ondelete="SET NULL"), index=True),
    Column("state", String(16), nullable=False),
    Column("config", Text, nullable=False, default="{}"),
    Column("summary", Text, nullable=False, default="{}"),
    Column("system_metrics", Text, nullable=False, default="{}"),
    Column("history_keys", Text, nullable=False, default="{}"),
    Column("tags", Text, nullable=False, default="[]"),
    Column("description", Text),
    Column("notes", Text),
    Column("group_name", Text),
    Column("job_type", Text),
    Column("host", Text),
    Column("program", Text),
    Column("repo", Text),
    Column("commit", Text),
    Column("exitcode", Integer),
    # What a sweep wants of the run (by parameter name, and as the agent gets it), and why.
    Column("parameters", Text),
    Column("args", Text),
    Column("reason", Text),
    Column("failure", String(32)),
    Column("handouts", Integer, nullable=False, default=0),
    Column("handed_out_at", Double),
    # Who asked it to stop ("search" or "person"), when, and why.
    Column("stopped_by", String(16)),
    Column("stop_asked_at", Double),
    Column("stop_reason", Text),
    # Streams (comma separated) not written again since the run was last started.
    Column("stale_streams", Text, nullable=False, default=""),
    Column("last_step", BigInteger, nullable=False, default=-1),
    Column("history_lines", Integer, nullable=False, default=0),
    Column("event_lines", Integer, nullable=False, default=0),
    Column("log_lines", Integer, nullable=False, default=0),
    Column("created_at", Double, nullable=False),
    # When it first began, or began its history anew.
    Column("started_at", Double),
    Column("ended_at", Double),
    Column("heartbeat_at", Double, nullable=False),
    UniqueConstraint("project_id", "name"),
)

# Lines of wandb-history.jsonl, wandb-events.jsonl and output.log; `step` only in history.
stream_lines = Table(
    "stream_lines",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("stream", String(8), primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("step", BigInteger),
    Column("body", Text, nullable=False),
    sqlite_with_rowid=False,
)

Index("stream_lines_by_step", stream_lines.c.run_id, stream_lines.c.stream, stream_lines.c.step)
