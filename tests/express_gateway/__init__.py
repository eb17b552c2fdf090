"""Express Gateway's 48 black-box cases, replayed: the same requests, and the answers that ours must give. And what else
it lets happen, its footguns a to r.

A test's name begins with the number of its case, or the letter of its footgun. They run against real processes, control
and a sidecar before an echo service; those in which a control plane must misbehave run in the test kit's mesh.

``test_tokens``      1-17, 19, 20, 36: what a token may be
``test_identity``    18, 22-27, 33, 34: applications, keys, the token endpoint, revocation
``test_routing``     21, 37-44, 47: paths, hosts, methods, limits, rewriting, CORS
``test_grants``      28-32, 35: codes, consent, refresh tokens, introspection
``test_operation``   45, 46, 48: broken configuration, the admin API, TLS
``test_footguns``    b-d, f-r; a is cases 12 and 13, e is case 36

Where the nouns differ:

- EG's managed mode, in which ``sub`` is a credential's id, is our built-in issuer: its subjects are applications. Its
  own tokens have a subject that exists, so "unknown sub" (16) is an application that was removed and revoked.
- "User deactivated" (18) is every credential of one subject revoked.
- Sidecars take no passwords. EG's basic policy (25) is an application that trades its Basic credential for a token.
- EG's ``/admin/*`` (38) is all below ``/admin`` and not ``/admin`` itself: with us ``/admin/*/**``. The customary
  ``/admin/**`` guards ``/admin`` too, so that nobody leaves that door open.
- A sidecar has one certificate (48): who asks for another name sees it, and refuses it.
- A refresh token used twice (32) ends its family once what came of it was used as well; until then, for a minute, it is
  taken for a client whose answer was lost.
- A sidecar asks nobody about a token (35): what it would be told was pushed to it.
"""
