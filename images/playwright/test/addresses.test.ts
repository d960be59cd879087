import { describe, expect, test } from "vitest";
import { mayConnect } from "../src/addresses.ts";

const publicOnes = ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111", "::ffff:1.1.1.1"];
const privateOnes = [
  ...["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "169.254.169.254", "198.18.0.1"],
  ...["224.0.0.1", "255.255.255.255", "fc00::1", "fe80::1", "fe80::1%eth0", "ff02::1", "::ffff:10.0.0.1"],
  ...["::ffff:a9fe:a9fe", "0:0:0:0:0:ffff:c0a8:1", "64:ff9b::a00:1", "2002:a00:1::", "2001::1", "fec0::1"],
];
const ownOnes = ["127.0.0.1", "127.255.0.1", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1", "::ffff:7f00:1"];

describe("mayConnect", () => {
  test.each(publicOnes)("lets through to %s", (address) => {
    expect([mayConnect(address, false), mayConnect(address, true)]).toEqual([true, true]);
  });
  test.each(privateOnes)("opens %s only where private addresses are allowed", (address) => {
    expect([mayConnect(address, false), mayConnect(address, true)]).toEqual([false, true]);
  });
  test.each(ownOnes)("never opens %s", (address) => {
    expect([mayConnect(address, false), mayConnect(address, true)]).toEqual([false, false]);
  });
});
