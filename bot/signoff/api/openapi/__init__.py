"""`/openapi.json`: OpenAPI 3.1, generated from the models that the handlers use."""

from __future__ import annotations

from importlib.metadata import version
from typing import cast

from signoff.api.openapi import orders, requests, review, schemas, streams, webhooks
from signoff.api.openapi.parts import REF as REF
from signoff.api.openapi.parts import Schema
from signoff.ports import Limits


def document(limits: Limits) -> Schema:
    """The whole document, for a server with these limits."""
    known = schemas.schemas()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Signoff",
            "version": version("signoff"),
            "summary": "A person approves what an AI agent is about to do.",
            "description": f"Bodies are JSON of at most {limits.body_bytes} bytes, those of batches "
            f"{limits.batch_bytes}. Numbers keep all their digits. Unknown fields are refused. "
            "No GET decides anything.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "paths": requests.paths() | review.paths(limits.batch) | orders.paths() | streams.paths() | webhooks.paths(),
        "webhooks": webhooks.webhooks(),
        "components": {
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "`so_…`, made by `signoff keys create`."}
            },
            "schemas": known | review.schemas(limits.batch, cast("Schema", known["Request"])) | webhooks.schemas(),
        },
    }
