import { BlockList, isIPv4, isIPv6 } from "node:net";

/** This machine itself: in a container that is the bridge, and the browsers of other sessions. */
const own = addressList(["0.0.0.0/8", "127.0.0.0/8", "::/128", "::1/128"]);

/** All that IANA lists as not reachable from everywhere, link-local addresses with a cloud's metadata among them. */
const special = addressList([
  ...["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"],
  ...["192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"],
  ...["224.0.0.0/4", "240.0.0.0/4"],
  // Of IPv6, what is outside of 2000::/3, and what is special or carries an IPv4 address inside it.
  ...["::/3", "4000::/2", "8000::/1", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"],
]);

/** One list for each family: in a common one, `::/3` would hold every IPv4 address as well. */
function addressList(ranges: readonly string[]): (address: string) => boolean {
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const range of ranges) {
    const [network = "", bits] = range.split("/");
    lists[family(network)].addSubnet(network, Number(bits), family(network));
  }
  return (address) => lists[family(address)].check(address, family(address));
}

function family(address: string): "ipv4" | "ipv6" {
  return isIPv4(address) ? "ipv4" : "ipv6";
}

/** The IPv4 address that an IPv6 one stands for (`::ffff:10.0.0.1`), however it is written; else the address itself. */
function unmapped(address: string): string {
  if (!isIPv6(address)) return address;
  // A URL writes every IPv6 address in one way.
  const [, high, low] = /^\[::ffff:([0-9a-f]+):([0-9a-f]+)\]$/.exec(new URL(`http://[${address}]`).hostname) ?? [];
  if (high === undefined || low === undefined) return address;
  const [a, b] = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return [a >> 8, a & 255, b >> 8, b & 255].join(".");
}

/** Whether a browser may connect to an address; never to its own container, whatever is allowed. */
export function mayConnect(address: string, allowPrivate: boolean): boolean {
  // A zone (`fe80::1%eth0`) only exists for addresses of the local link.
  const plain = unmapped(address.split("%")[0] ?? "");
  if (own(plain)) return false;
  return allowPrivate || !special(plain);
}
