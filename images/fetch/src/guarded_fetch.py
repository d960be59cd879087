"""The command line of mcp-server-fetch, with two gaps closed.

Upstream looks a name up, judges the addresses, and leaves it to the HTTP client to look the name up once more and
connect. A name server that answers differently the second time (DNS rebinding) leads that into a private network. Here
each connection is held to upstream's own rule as it is made: to an address that was judged, or not at all.

Upstream's prompt does not ask robots.txt, since a person chose the page. Whoever runs this server cannot know that:
programs call prompts as well. So the prompt asks like the tool does, unless robots.txt is to be ignored altogether.
"""

import os
import re
from urllib.parse import urlsplit

import httpcore
from mcp_server_fetch import main, server

upstream_connect = httpcore.AnyIOBackend.connect_tcp
upstream_check = server.check_may_autonomously_fetch_url
upstream_fetch = server.fetch_url
upstream_create = server.create_server

# A refusal by robots.txt names the prompt as a way around it.
ADVICE = re.compile(r"\nThe assistant can tell the user that they can try.*|, the user can try manually fetching.*", re.S)


def guarded_connect(proxies):
    """Opens connections to public addresses, and to the proxies: where those connect to is theirs to judge."""

    async def connect(self, host, port, *args, **kwargs):
        if (host, port) in proxies:
            return await upstream_connect(self, host, port, *args, **kwargs)
        addresses = list(dict.fromkeys(await server._resolve_host(host)))
        for address in addresses:
            if not server._is_public_address(address):
                raise server.ToolError(
                    f"Refused to connect to {host}: it now resolves to {address}, which is not a public address."
                )
        *first, last = addresses
        for address in first:
            try:
                return await upstream_connect(self, address, port, *args, **kwargs)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                pass
        return await upstream_connect(self, last, port, *args, **kwargs)

    return connect


async def check(*args, **kwargs):
    """Asks robots.txt; a refusal is the last word."""
    try:
        await upstream_check(*args, **kwargs)
    except server.ToolError as refusal:
        raise server.ToolError(ADVICE.sub("", str(refusal))) from None


async def fetch(url, user_agent, force_raw=False, proxy_url=None, allow_private_ips=False, check_robots_txt=False):
    """Fetches a page that robots.txt allows, whoever asks for it."""
    if not check_robots_txt:
        await check(url, user_agent, proxy_url, allow_private_ips)
    return await upstream_fetch(url, user_agent, force_raw, proxy_url, allow_private_ips, check_robots_txt=True)


def create(custom_user_agent=None, ignore_robots_txt=False, proxy_url=None, allow_private_ips=False):
    """Upstream's server, guarded as its options say."""
    if not allow_private_ips:
        named = [proxy_url, *(os.environ.get(name) for name in server.PROXY_ENV_VARS)]
        urls = [urlsplit(server.normalize_proxy_url(url)) for url in named if url]
        usual = {"http": 80, "https": 443}
        proxies = {(url.hostname, url.port or usual.get(url.scheme, 1080)) for url in urls}
        httpcore.AnyIOBackend.connect_tcp = guarded_connect(proxies)
    if not ignore_robots_txt:
        server.check_may_autonomously_fetch_url = check
        server.fetch_url = fetch
    return upstream_create(custom_user_agent, ignore_robots_txt, proxy_url, allow_private_ips)


server.create_server = create

if __name__ == "__main__":
    main()
