#!/bin/sh
# Two databases, a role each; neither role reaches the other's database. Runs once, when the server's data directory is made.
set -eu

database() {
    psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres \
        --set name="$1" --set password="$(cat "/run/secrets/$1_database_password")" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
}

database orders
database payments
