"""What a sidecar says of itself. Nothing here ever holds a token, a query or a body.

``record``     what is known of one exchange when it is over
``accesslog``  records as JSON lines, written in the background, dropped and counted when nobody can keep up
``decisions``  decisions with all that they depended on, for ``control replay``; off unless asked for
``metrics``    records as Prometheus counters with bounded labels
``counts``     what those count for every exchange, in plain numbers
``exposition`` the text format of what metrics show
``observer``   the one door through which the proxy tells both
``status``     how the sidecar stands: link, snapshot, drain
``pages``      what /ready, /metrics and /snapshot say
``admin``      /live /ready /metrics /snapshot /drain over HTTP
"""
