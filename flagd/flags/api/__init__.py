"""Flags, targetings and segments over HTTP. Holds no rule: it translates, and the services decide."""

from typing import Final

from fastapi import APIRouter

from flagd.flags.api import flags, segments, targetings

router: Final = APIRouter()
router.include_router(flags.router)
router.include_router(targetings.router)
router.include_router(segments.router)

__all__ = ["router"]
