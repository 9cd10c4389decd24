"""The application's tables, before it starts. May be run again."""

import stores

with stores.database() as connection:
    connection.execute("""
        CREATE TABLE IF NOT EXISTS jobs (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            text text NOT NULL,
            done_at timestamptz)""")
