#!/bin/sh
# What an operator does once by hand, done by compose.yml's one-shot containers. Safe to run again: a credential that
# is there stays, and so does a policy that somebody pushed since.
#
#   bootstrap.sh credential    makes the operator credential in /operator, unless there is one
#   bootstrap.sh database      makes the database's password in /database, as PostgreSQL and as libpq want it
#   bootstrap.sh mesh          pushes the example policy if control has none, and puts a fresh join token for each
#                              sidecar where only that sidecar reads it
#
# Several words are done one after the other.
set -eu
umask 077

# Written beside its place and moved there: nobody ever reads half of it.
secret() {
  [ -s "$1" ] && return
  python -I -c 'import secrets; print(secrets.token_urlsafe(32))' > "$1.new"
  mv "$1.new" "$1"
}

credential() {
  secret /operator/token
}

database() {
  secret /database/password
  printf '*:*:*:*:%s\n' "$(cat /database/password)" > /database/passfile.new
  mv /database/passfile.new /database/passfile
}

mesh() {
  control get > /dev/null 2>&1 || control push /examples/policy.yaml
  for service in web orders; do
    control join-token "$service" --uses 10 > "/join/$service/token.new"
    mv "/join/$service/token.new" "/join/$service/token"
  done
}

[ $# -gt 0 ] || set -- nothing
for word in "$@"; do
  case "$word" in
    credential | database | mesh) "$word" ;;
    *) echo "usage: bootstrap.sh credential|database|mesh ..." >&2; exit 2 ;;
  esac
done
