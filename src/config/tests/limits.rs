//! Limits, rules and sizes that are refused.

use super::{MINIMAL, faults};

#[test]
fn invalid_limits_rules_and_sizes_are_refused() {
    for (text, key) in [
        ("[request]\nmax_fields = 5\n", "request.max_fields"),
        ("[request]\nmax_url = \"2MiB\"\n", "request.max_url"),
        ("[request]\nmax_body = \"x\"\n", "request.max_body"),
        ("[request]\nbody_timeout = \"0s\"\n", "request.body_timeout"),
        (
            "[[route]]\nname = \"a\"\npath = \"/\"\necho = true\nrequest = { max_cookies = \"1GiB\" }\n",
            "route[0].request.max_cookies",
        ),
        ("[switches]\nretry_after = \"soon\"\n", "switches.retry_after"),
        ("[challenge]\n", "challenge.contact"),
        ("[challenge]\ncontact = \"http://a\"\n", "challenge.contact"),
        ("[challenge]\ncontact = \"tel:+1\"\nlifetime = \"2d\"\n", "challenge.lifetime"),
        ("[challenge]\ncontact = \"tel:+1\"\ndifficulty = 30\n", "challenge.difficulty"),
        ("[challenge]\ncontact = \"tel:+1\"\nturnstile = { site_key = \"\" }\n", "challenge.turnstile.site_key"),
        (
            "[challenge]\ncontact = \"tel:+1\"\nturnstile = { site_key = \"a\", url = \"http://a\" }\n",
            "challenge.turnstile.url",
        ),
        ("[[rule]]\nname = \"a\"\naction = \"challenge\"\n", "rule[0].action"),
        ("[[rule]]\nname = \"a\"\ndifficulty = 9\n", "rule[0].difficulty"),
        (
            "[challenge]\ncontact = \"tel:+1\"\n[[rule]]\nname = \"a\"\naction = \"challenge\"\ndifficulty = 7\n",
            "rule[0].difficulty",
        ),
        ("[security_headers]\nfields = { Set-Cookie = \"a\" }\n", "security_headers.fields.Set-Cookie"),
        ("[security_headers]\nfields = { Referrer-Policy = \"a\\nb\" }\n", "security_headers.fields.Referrer-Policy"),
        ("[security_headers]\nreplace = [\"NEL\"]\n", "security_headers.replace[0]"),
        (
            "[[route]]\nname = \"a\"\npath = \"/\"\necho = true\nsecurity_headers = { profile = \"none\", replace = [\"Referrer-Policy\"] }\n",
            "route[0].security_headers.replace[0]",
        ),
        ("[security_txt]\nexpires = \"2030-01-01T00:00:00Z\"\n", "security_txt.contact"),
        (
            "[security_txt]\ncontact = [\"me@example.com\"]\nexpires = \"2030-01-01T00:00:00Z\"\n",
            "security_txt.contact[0]",
        ),
        ("[security_txt]\ncontact = [\"tel:+1\"]\nexpires = \"soon\"\n", "security_txt.expires"),
        ("[[robots_txt.group]]\nagents = []\n", "robots_txt.group[0].agents"),
        ("[[robots_txt.group]]\nagents = [\"a b\"]\n", "robots_txt.group[0].agents[0]"),
        ("[[robots_txt.group]]\nagents = [\"*\"]\ndisallow = [\"x\"]\n", "robots_txt.group[0].disallow[0]"),
        ("[robots_txt]\nsitemaps = [\"/sitemap.xml\"]\n", "robots_txt.sitemaps[0]"),
        (
            "[robots_txt]\n[[route]]\nname = \"a\"\npath = \"/robots.txt\"\nmethods = [\"GET\"]\necho = true\n",
            "robots_txt.path",
        ),
        ("[[rule]]\nname = \"a\"\naddress = \"192.0.2.1/24\"\n", "rule[0].address[0]"),
        ("[[rule]]\nname = \"a\"\naddress = \"list:b\"\n", "rule[0].address[0]"),
        ("[[rule]]\nname = \"a\"\ncountry = \"UK\"\n", "rule[0].country[0]"),
        ("[[rule]]\nname = \"a\"\ncontinent = \"XX\"\n", "rule[0].continent[0]"),
        ("[[rule]]\nname = \"a\"\nmethod = \"get\"\n", "rule[0].method[0]"),
        ("[[rule]]\nname = \"a\"\npath = \"admin\"\n", "rule[0].path[0]"),
        ("[[rule]]\nname = \"a\"\nhost = \"*\"\n", "rule[0].host[0]"),
        ("[[rule]]\nname = \"a\"\nheader = { x = \"a*b\" }\n", "rule[0].header.x"),
        ("[[rule]]\nname = \"a\"\ntls = \"1.3\"\n", "rule[0].tls[0]"),
        ("[[rule]]\nname = \"a\"\nhttp = \"2\"\n", "rule[0].http[0]"),
        ("[[rule]]\nname = \"a\"\nbot_score = 0\n", "rule[0].bot_score"),
        ("[[rule]]\nname = \"a\"\nstatus = 401\n", "rule[0].status"),
        ("[[rule]]\nname = \"a\"\nstatus = 403\naction = \"allow\"\n", "rule[0].status"),
        ("[[rule]]\nname = \"a\"\nblocked_by = \"https://c\"\n", "rule[0].blocked_by"),
        ("[[rule]]\nname = \"a\"\naction = \"tag\"\ntag = \"a b\"\n", "rule[0].tag"),
        ("[[rule]]\nname = \"a\"\naction = \"limit\"\n", "rule[0].limit"),
        (
            "[[limit]]\nname = \"u\"\nkey = \"user\"\nrate = \"1/1s\"\n[[rule]]\nname = \"a\"\naction = \"limit\"\nlimit = \"u\"\n",
            "rule[0].limit",
        ),
        ("[[list]]\nname = \"a\"\n", "list[0]"),
        ("[[list]]\nname = \"a\"\naddresses = [\"x\"]\n", "list[0].addresses[0]"),
        ("[[list]]\nname = \"a\"\nfile = \"no/such/file\"\n", "list[0].file"),
        ("[[limit]]\nname = \"a\"\nkey = []\nrate = \"1/1s\"\n", "limit[0].key"),
        ("[[limit]]\nname = \"a\"\nkey = \"ip\"\nrate = \"1/1s\"\n", "limit[0].key[0]"),
        ("[[limit]]\nname = \"a\"\nkey = \"header:\"\nrate = \"1/1s\"\n", "limit[0].key[0]"),
        ("[[limit]]\nname = \"a\"\nkey = \"user\"\nrate = \"1/100ms\"\n", "limit[0].rate[0]"),
        ("[[limit]]\nname = \"a\"\nkey = \"user\"\nrate = [\"1/60s\", \"2/1m\"]\n", "limit[0].rate[1]"),
        ("[[limit]]\nname = \"a\"\nkey = \"user\"\nrate = \"5/1s\"\nburst = [1, 2]\n", "limit[0].burst"),
        ("[[limit]]\nname = \"a\"\nkey = \"user\"\nrate = \"5/1s\"\nburst = 0\n", "limit[0].burst"),
        ("[[limit]]\nname = \"a\"\nkey = \"user\"\nrate = \"5/30s\"\nscope = \"location\"\n", "limit[0].rate"),
        (
            "[[limit]]\nname = \"a\"\nkey = \"user\"\nrate = \"5/10s\"\nscope = \"location\"\ncount = \"failures\"\n",
            "limit[0].count",
        ),
        ("[[limit]]\nname = \"a\"\nkey = \"address\"\nrate = \"1/30d\"\nburst = 1000000\n", "limit[0].burst"),
        (
            "[[limit]]\nname = \"a.b\"\nkey = \"user\"\nrate = \"5/10s\"\nscope = \"location\"\n[[limit]]\nname = \"a-b\"\nkey = \"user\"\nrate = \"5/10s\"\nscope = \"location\"\n",
            "limit[1].name",
        ),
        (
            "[[limit]]\nname = \"a\"\nkey = \"header:x\"\nrate = \"5/1s\"\n[[route]]\nname = \"a\"\npath = \"/\"\necho = true\nlimits = [\"a\"]\n",
            "route[0].limits",
        ),
        (
            "[[limit]]\nname = \"a\"\nkey = \"user\"\nrate = \"5/1s\"\n[[route]]\nname = \"a\"\npath = \"/\"\necho = true\nlimits = [{ name = \"a\", cost = 6 }]\n",
            "route[0].limits[0]",
        ),
        (
            "[[limit]]\nname = \"a\"\nkey = \"user\"\nrate = \"5/1s\"\n[[route]]\nname = \"a\"\npath = \"/\"\necho = true\nlimits = [\"a\"]\n",
            "route[0].limits[0]",
        ),
        (
            "[[limit]]\nname = \"a\"\nkey = \"api_key\"\nrate = \"5/1s\"\n[[route]]\nname = \"a\"\npath = \"/\"\necho = true\nauth = \"required\"\nlimits = [\"a\"]\n",
            "route[0].limits[0]",
        ),
        (
            "[[limit]]\nname = \"a\"\nkey = \"user\"\nrate = \"5/1s\"\n[[limit]]\nname = \"b\"\nkey = \"header:x\"\nrate = \"5/1s\"\n[[route]]\nname = \"a\"\npath = \"/\"\necho = true\nauth = \"optional\"\nlimits = [\"a\", \"b\"]\n",
            "route[0].limits",
        ),
        ("[[route]]\nname = \"a\"\npath = \"/\"\necho = true\nlimits = [\"b\"]\n", "route[0].limits[0]"),
    ] {
        let found = faults(&format!("{text}{MINIMAL}"));
        assert!(found.contains(&format!("`{key}`: ")), "{text}\n{found}");
    }
}
