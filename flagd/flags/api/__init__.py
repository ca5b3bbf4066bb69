"""Flags, targetings, segments and layers over HTTP. Holds no rule: it translates, and the services decide."""

from typing import Final

from fastapi import APIRouter

from flagd.flags.api import allocations, flags, layers, segments, targetings

router: Final = APIRouter()
router.include_router(flags.router)
router.include_router(targetings.router)
router.include_router(segments.router)
router.include_router(layers.router)
router.include_router(allocations.router)

__all__ = ["router"]
