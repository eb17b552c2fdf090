#!/bin/sh
# What an operator does once by hand, done by compose.yml's one-shot containers. Safe to run again: a credential that
# is there stays, and so does a policy that somebody pushed since.
#
#   bootstrap.sh credential    makes the operator credential in /operator, unless there is one
#   bootstrap.sh mesh          pushes the example policy if control has none, and puts a fresh join token for each
#                              sidecar where only that sidecar reads it
set -eu
umask 077

# Written beside its place and moved there: nobody ever reads half of it.
credential() {
  [ -s /operator/token ] && return
  python -I -c 'import secrets; print(secrets.token_urlsafe(32))' > /operator/token.new
  mv /operator/token.new /operator/token
}

mesh() {
  control get > /dev/null 2>&1 || control push /examples/policy.yaml
  for service in web orders; do
    control join-token "$service" --uses 10 > "/join/$service/token.new"
    mv "/join/$service/token.new" "/join/$service/token"
  done
}

case "${1:-}" in
  credential | mesh) "$1" ;;
  *) echo "usage: bootstrap.sh credential|mesh" >&2; exit 2 ;;
esac
