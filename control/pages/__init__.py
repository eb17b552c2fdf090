"""What people see of the identity server: they sign in, are asked, and look after their account. HTML forms, no script.

``app``         the routes, and how a request becomes a visit
``visit``       one request of a browser, read strictly; what is wrong with it is said in a page
``site``        what every page stands on: who has signed in, tokens of forms, cookies, the answer
``browser``     cookies, tokens that bind a form to a browser, and requests that come from elsewhere
``headers``     what a browser is told not to do with a page
``templates``   Jinja2 over our templates and an operator's own, all tried before the first request
``shown``       what each template is handed, with examples
``sign_in``     a password, then a code, on whatever page needs to know who is there
``authorize``   ``/oauth2/authorize``: sign in, then allow or deny
``device``      ``/oauth2/device``: type a device's code in, then allow or deny
``logout``      ``/oauth2/logout``: sign out, and go where the client may send one
``account``     ``/account``: what is known, who was let in, and where one is signed in
``changes``     what ``/account`` can change
``reset``       ``/account/reset``: a new password by an operator's link, which looking does not use up

Knows nothing of the operator's status page, and keeps nothing itself: what is kept is people's and the issuer's.
"""

from .app import mount
from .templates import BrokenTemplate, Templates

__all__ = ["BrokenTemplate", "Templates", "mount"]
