"""A CREATE TABLE text under other names: what is renamed, and what is left alone."""

from __future__ import annotations

import pytest

from shardctl.clause import Names
from shardctl.dialects.mysql import text
from shardctl.dialects.values import Definition

SOURCE = """CREATE TABLE `t_order` (
  `id` int NOT NULL COMMENT 't_order `t_order`',
  `user_id` bigint DEFAULT NULL,
  `t_order` varchar(20) DEFAULT 'CONSTRAINT `t_order`',
  KEY `fk_user` (`user_id`),
  KEY `fk_other` (`id`),
  CONSTRAINT `ck_id` CHECK ((`t_order` <> _utf8mb4't_order')) /*!80016 NOT ENFORCED */,
  CONSTRAINT `CONSTRAINT_1` CHECK ((`id` > 0)),
  CONSTRAINT `fk_far` FOREIGN KEY (`id`) REFERENCES `other`.`t_user` (`id`),
  CONSTRAINT `fk_other` FOREIGN KEY (`id`, `user_id`) REFERENCES `t_plain` (`a`, `b`),
  CONSTRAINT `fk_up` FOREIGN KEY (`user_id`) REFERENCES `t_order` (`id`) ON DELETE SET NULL,
  CONSTRAINT `fk_user` FOREIGN KEY (`user_id`) REFERENCES `t_user` (`id`),
  CONSTRAINT `t_order_chk_1` CHECK ((`id` < 9)),
  CONSTRAINT `t_order_ibfk_12` FOREIGN KEY (`id`) REFERENCES `t_user` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COMMENT='CREATE TABLE `t_order`'
/*!50100 PARTITION BY HASH (`id`)
PARTITIONS 2 */"""

MONTH = """CREATE TABLE `_scratch` (
  `id` int NOT NULL COMMENT 't_order `t_order`',
  `user_id` bigint DEFAULT NULL,
  `t_order` varchar(20) DEFAULT 'CONSTRAINT `t_order`',
  KEY `fk_user_202601` (`user_id`),
  KEY `fk_other` (`id`),
  CONSTRAINT `ck_id_202601` CHECK ((`t_order` <> _utf8mb4't_order')) /*!80016 NOT ENFORCED */,
  CONSTRAINT `CONSTRAINT_1_202601` CHECK ((`id` > 0)),
  CONSTRAINT `fk_far_202601` FOREIGN KEY (`id`) REFERENCES `other`.`t_user` (`id`),
  CONSTRAINT `fk_other_202601` FOREIGN KEY (`id`, `user_id`) REFERENCES `t_plain` (`a`, `b`),
  CONSTRAINT `fk_up_202601` FOREIGN KEY (`user_id`) REFERENCES `_scratch` (`id`) ON DELETE SET NULL,
  CONSTRAINT `fk_user_202601` FOREIGN KEY (`user_id`) REFERENCES `t_user_202601` (`id`),
  CONSTRAINT `t_order_202601_chk_1` CHECK ((`id` < 9)),
  CONSTRAINT `t_order_202601_ibfk_12` FOREIGN KEY (`id`) REFERENCES `t_user_202601` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COMMENT='CREATE TABLE `t_order`'
/*!50100 PARTITION BY HASH (`id`)
PARTITIONS 2 */"""

NAMES = Names({"t_order": "t_order_202601", "t_user": "t_user_202601"}, tag="_202601")


def test_names_are_renamed_where_they_stand_and_nowhere_else() -> None:
    assert text.copy(Definition("t_order", SOURCE), "_scratch", NAMES).sql == MONTH


def test_a_name_that_mariadb_made_for_a_check_stays() -> None:
    copied = text.copy(Definition("t_order", SOURCE), "_scratch", NAMES, is_mariadb=True).sql

    assert copied == MONTH.replace("CONSTRAINT_1_202601", "CONSTRAINT_1")


def test_the_tag_of_the_source_is_taken_off_first() -> None:
    month = Definition("t_order_202601", MONTH.replace("_scratch", "t_order_202601"))
    names = Names({"t_order_202601": "t_order", "t_user_202601": "t_user"})

    template = text.copy(month, "t_order", names, source_tag="_202601").sql

    # `fk_other` as the name of an index is nobody's but the table's: it was never tagged.
    assert template == SOURCE


@pytest.mark.parametrize(
    ("is_mariadb", "check"), [(False, "`ck_1_t_order`"), (True, "`ck_1`")], ids=["mysql", "mariadb"]
)
def test_a_name_that_the_source_still_holds_is_not_given_again(
    is_mariadb: bool, check: str
) -> None:
    """MySQL wants names of CHECKs once in a schema, both servers those of foreign keys."""
    month = Definition(
        "t_order_202601",
        """CREATE TABLE `t_order_202601` (
  `a` int,
  KEY `fk_1` (`a`),
  CONSTRAINT `ck_1` CHECK ((`a` > 0)),
  CONSTRAINT `fk_1` FOREIGN KEY (`a`) REFERENCES `t_user` (`id`)
) ENGINE=InnoDB""",
    )

    template = text.copy(month, "t_order", Names(), source_tag="_202601", is_mariadb=is_mariadb).sql

    assert f"CONSTRAINT {check} CHECK" in template
    assert "KEY `fk_1_t_order` (`a`)" in template
    assert "CONSTRAINT `fk_1_t_order` FOREIGN KEY" in template


def test_long_names_stay_within_64_characters_and_apart() -> None:
    long = "c" * 63
    source = Definition(
        "t_order",
        f"""CREATE TABLE `t_order` (
  `a` int,
  CONSTRAINT `{long}x` CHECK ((`a` > 0)),
  CONSTRAINT `{long}y` CHECK ((`a` > 1))
) ENGINE=InnoDB""",
    )

    copied = text.copy(source, "t_order_202601", NAMES).sql

    first, second = (line.split("`")[1] for line in copied.split("\n") if "CONSTRAINT" in line)
    assert len(first) == len(second) == 64
    assert first != second


def test_identifiers_are_quoted() -> None:
    assert text.quote("t_user_2018-01") == "`t_user_2018-01`"
    assert text.quote("a`b") == "`a``b`"
    with pytest.raises(ValueError, match="NUL"):
        text.quote("a\0b")
