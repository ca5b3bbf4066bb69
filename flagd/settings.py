"""Settings: the only module that reads the environment. Read once, by the commands; handed down from there."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from redis.asyncio.connection import parse_url
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from flagd.infra.db import driver_url

PREFIX: Final = "FLAGD_"
MIN_SECRET: Final = 32
_NO_FILE: Final = (None, "", ":memory:")


class SettingsError(Exception):
    """A variable holds something unusable; the message is one line and names it."""


class Settings(BaseSettings):
    """Everything an operator may set, by environment variables named FLAGD_ and the field in capitals."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

    database_url: str | None = Field(
        None,
        description="postgresql://user:password@host/name or sqlite:///path; default: a file in FLAGD_DATA_DIR",
    )
    redis_url: str | None = Field(
        None, description="redis://host:6379/0; default: none, memory of the process"
    )
    host: str = Field("127.0.0.1", description="the address to listen on")
    port: int = Field(8080, ge=0, le=65535, description="the port to listen on; 0 picks a free one")
    data_dir: Path = Field(
        Path("var"), description="the folder for the embedded database, secret and credentials"
    )
    secret: SecretStr | None = Field(
        None,
        description="signs sessions and forms, the same in every replica; default: made once, kept in FLAGD_DATA_DIR",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="what is logged")
    tail_interval: float = Field(0.5, ge=0.05, le=60, description="seconds between looks at the change log")
    ofrep_rate: float = Field(
        0,
        ge=0,
        le=100_000,
        description="OFREP requests a second for each API key, in each process; 0 is no limit",
    )
    secure_cookies: bool = Field(False, description="true where people reach the pages over https only")
    forwarded_allow_ips: str = Field(
        "127.0.0.1", description="proxies whose X-Forwarded-* headers are believed"
    )

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                make_url(value)
            except (ArgumentError, ValueError) as error:
                # Never the value itself, nor what the parser says of it: it may hold a password.
                raise ValueError(
                    "is no database address; write postgresql://user:password@host/name"
                ) from error
            url = driver_url(value)
            if url.get_backend_name() == "sqlite" and url.database in _NO_FILE:
                raise ValueError("names no file; write sqlite:///path")
        return value

    @field_validator("redis_url")
    @classmethod
    def _known_cache(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                parse_url(value)
            except ValueError as error:
                raise ValueError("is no Redis address; write redis://host:6379/0") from error
        return value

    @field_validator("secret")
    @classmethod
    def _long_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < MIN_SECRET:
            raise ValueError(f"is too short: at least {MIN_SECRET} characters")
        return value

    @property
    def embedded(self) -> bool:
        """Whether the database is the embedded default."""
        return self.database_url is None

    @property
    def database(self) -> str:
        """The database's address, the default included."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'flagd.db').resolve()}"


def read(**overrides: Any) -> Settings:
    """The settings of this process; `overrides` win over the environment. SettingsError names the variable at fault."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingsError(
            "; ".join(_in_words(item["loc"][0], item["msg"]) for item in error.errors())
        ) from error


def _in_words(field: int | str, message: str) -> str:
    text = message.removeprefix("Value error, ")
    return f"{PREFIX}{str(field).upper()}: {text[0].lower()}{text[1:]}"
