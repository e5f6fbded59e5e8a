"""The tables of artifacts.

A collection holds versions of one thing; a membership is an artifact's place in a collection, with a version
number and aliases. Every artifact belongs to the sequence it was logged to, and may be linked to portfolios.
It is an output of every run that logged it.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from litsweep.server.store import blobs  # noqa: F401  (the table that is referred to below)
from litsweep.server.store.tables import metadata

collections = Table(
    "artifact_collections",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(128), nullable=False),
    Column("type", String(128), nullable=False),
    Column("is_portfolio", Boolean, nullable=False, default=False),
    Column("description", Text),
    Column("tags", Text, nullable=False, default="[]"),
    # Numbers are never used twice, also not after the newest version was deleted.
    Column("next_version", Integer, nullable=False, default=0),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    UniqueConstraint("project_id", "name"),
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("collection_id", ForeignKey("artifact_collections.id", ondelete="CASCADE"), nullable=False),
    Column("run_id", ForeignKey("runs.id", ondelete="SET NULL"), index=True),
    Column("state", String(16), nullable=False),
    Column("digest", String(128), nullable=False),
    Column("description", Text),
    Column("metadata", Text),
    Column("tags", Text, nullable=False, default="[]"),
    # The aliases asked for when it was created; they are given at commit.
    Column("aliases", Text, nullable=False, default="[]"),
    Column("history_step", BigInteger),
    Column("ttl_seconds", BigInteger),
    Column("client_id", String(128), index=True),
    Column("distributed_id", String(128)),
    Column("size", BigInteger, nullable=False, default=0),
    Column("file_count", Integer, nullable=False, default=0),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
)

Index("artifacts_by_digest", artifacts.c.collection_id, artifacts.c.digest)

manifests = Table(
    "artifact_manifests",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("artifact_id", ForeignKey("artifacts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("type", String(16), nullable=False),
    Column("base_id", Integer),
    Column("digest", String(128), nullable=False, default=""),
    Column("blob", String(32), ForeignKey("blobs.key"), nullable=False, index=True),
)

# `blob` is null for a reference; `digest` is the base64 MD5 of the content, or what the client took for it.
files = Table(
    "artifact_files",
    metadata,
    Column("artifact_id", ForeignKey("artifacts.id", ondelete="CASCADE"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("digest", Text, nullable=False, index=True),
    Column("size", BigInteger),
    Column("ref", Text),
    Column("blob", String(32), ForeignKey("blobs.key"), index=True),
)

memberships = Table(
    "artifact_memberships",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("collection_id", ForeignKey("artifact_collections.id", ondelete="CASCADE"), nullable=False),
    Column("artifact_id", ForeignKey("artifacts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("version_index", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    UniqueConstraint("collection_id", "version_index"),
    UniqueConstraint("collection_id", "artifact_id"),
)

aliases = Table(
    "artifact_aliases",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("collection_id", ForeignKey("artifact_collections.id", ondelete="CASCADE"), nullable=False),
    Column("alias", String(128), nullable=False),
    Column(
        "membership_id", ForeignKey("artifact_memberships.id", ondelete="CASCADE"), nullable=False, index=True
    ),
    UniqueConstraint("collection_id", "alias"),
)

uses = Table(
    "artifact_uses",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("artifact_id", ForeignKey("artifacts.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("used_as", Text),
)

# The runs that logged a content again which was a version already; `artifacts.run_id` is the first.
repeats = Table(
    "artifact_repeats",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("artifact_id", ForeignKey("artifacts.id", ondelete="CASCADE"), primary_key=True, index=True),
)
