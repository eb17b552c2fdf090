#!/bin/sh
# A database for POSTGRES_USER with the password in POSTGRES_PASSWORD_FILE at the first start, and the server.
set -eu
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
data=/var/lib/postgresql/data/pg

as_postgres() { setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"; }

chown postgres:postgres /var/run/postgresql
if [ ! -s "$data/ready" ]; then
  rm -rf "$data"
  install -d -o postgres -g postgres -m 0700 "$data"
  install -o postgres -m 0600 "$POSTGRES_PASSWORD_FILE" /tmp/password
  as_postgres initdb -D "$data" -U "$POSTGRES_USER" --pwfile=/tmp/password --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8
  rm -f /tmp/password
  echo "host all all all scram-sha-256" >> "$data/pg_hba.conf"
  echo "CREATE DATABASE \"$POSTGRES_USER\"" | as_postgres postgres --single -D "$data" postgres
  echo yes > "$data/ready"
fi
exec setpriv --reuid=postgres --regid=postgres --init-groups -- postgres -D "$data" -c listen_addresses='*'
