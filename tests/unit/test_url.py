"""A database URL whose password is not written as a URL wants it: refused, and none of it shown."""

from __future__ import annotations

import pytest

from shardctl.dialects import open_database
from shardctl.errors import ConfigError


@pytest.mark.parametrize(
    "url",
    [
        "mysql+pymysql://root:open@sesame/street@db.example/orders",
        "mysql+pymysql://root:open@sesame/stre?et@db.example/orders",
        "mysql+pymysql://root:open@sesame?street@db.example/orders",
        "mysql+pymysql://root:open@sesame#street@db.example:3306/orders?charset=utf8mb4",
        "mysql+pymysql://ro/ot:sesame@db.example/orders",
        "mysql+pymysql:///root:sesame@db.example/orders",
        "mariadb+pymysql://root:street@@sesame/@db.example/orders",
    ],
)
def test_a_password_that_is_not_encoded_is_refused_unsaid(url: str) -> None:
    with pytest.raises(ConfigError, match="%40 for an @ in the password, %2F for a /") as refused:
        open_database(url)
    for part in ("open", "sesame", "street", "db.example"):
        assert part not in str(refused.value)


def test_a_file_may_have_an_at_in_its_name() -> None:
    assert open_database("sqlite:///orders@home.db").engine.url.database == "orders@home.db"
