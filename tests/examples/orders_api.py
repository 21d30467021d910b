"""A small service with FastAPI: POST /orders stores an order once, however often it is sent."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncEngine

from shardctl.aio import call
from shardctl.errors import ShardctlError
from shardctl.store import Outcome, Store
from shardctl.store.http import reply


class Order(BaseModel):
    """What a client sends; a repetition sends the same."""

    order_id: str
    user_id: int
    coin: Decimal
    create_time: datetime | None = None


def service(engine: AsyncEngine, store: Store) -> FastAPI:
    """The application."""
    app = FastAPI()

    @app.post("/orders")
    async def create(order: Order) -> JSONResponse:
        try:
            result: Outcome | ShardctlError = await call(
                store.create, engine, order.model_dump(exclude_none=True)
            )
        except ShardctlError as error:
            result = error
        answer = reply(result)  # raises what is a fault of the server: 500
        return JSONResponse(answer.body, answer.status, dict(answer.headers))

    return app
