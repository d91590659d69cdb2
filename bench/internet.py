"""A made-up internet, and what a sinkhole would see of it: the material every measurement here is made from.

Providers hold prefixes of the global IPv4 space, in a heavy-tailed way: a few very large ones, many small ones. Each has one country,
region, city and sector, so the columns of a row agree with each other as they do in a real report. Names of hosts end in example.net.
The same seed gives the same bytes.

Speed comes from pieces: every text that can occur is made once, a row only joins them.
"""

import array
import itertools
import random

# The columns of a Shadowserver event4_sinkhole report, in their order.
HEADER = (
    "timestamp protocol src_ip src_port src_asn src_geo src_region src_city src_hostname src_naics src_sector "
    "device_vendor device_type device_model severity dst_ip dst_port dst_asn dst_geo dst_region dst_city dst_hostname dst_naics dst_sector "
    "public_source infection family tag application version event_id ssl_cipher ssl_servername"
).split()

PLACES = [
    ("JP", "TOKYO", "CHIYODA"), ("JP", "OSAKA", "OSAKA"), ("KR", "SEOUL-TEUKBYEOLSI", "SEOUL"), ("TW", "TAIPEI", "TAIPEI"),
    ("VN", "HA NOI", "HANOI"), ("BR", "SAO PAULO", "SAO PAULO"), ("BR", "RIO DE JANEIRO", "RIO DE JANEIRO"), ("DE", "HESSEN", "FRANKFURT AM MAIN"),
    ("US", "CALIFORNIA", "FREMONT"), ("US", "VIRGINIA", "ASHBURN"), ("ID", "JAKARTA RAYA", "JAKARTA"), ("TH", "KRUNG THEP MAHA NAKHON", "BANGKOK"),
    ("IN", "MAHARASHTRA", "MUMBAI"), ("IN", "DELHI", "DELHI"), ("FR", "ILE-DE-FRANCE", "PARIS"), ("GB", "ENGLAND", "LONDON"),
    ("CN", "GUANGDONG", "GUANGZHOU"), ("RU", "MOSKVA", "MOSCOW"), ("TR", "ISTANBUL", "ISTANBUL"), ("MX", "CIUDAD DE MEXICO", "MEXICO CITY"),
    ("EG", "AL QAHIRAH", "CAIRO"), ("ZA", "GAUTENG", "JOHANNESBURG"), ("AR", "BUENOS AIRES", "BUENOS AIRES"), ("PL", "MAZOWIECKIE", "WARSAW"),
    ("IT", "LOMBARDIA", "MILANO"), ("UA", "KYIV", "KYIV"), ("PH", "METRO MANILA", "MANILA"), ("MY", "SELANGOR", "SHAH ALAM"),
]  # fmt: skip
SECTORS = [
    (517311, "Communications, Service Provider, and Hosting Service"), (517311, "Communications, Service Provider, and Hosting Service"),
    (517312, "Communications, Service Provider, and Hosting Service"), (518210, "Communications, Service Provider, and Hosting Service"),
    (611310, "Education"), (921190, "Government"), (0, ""), (522110, "Financial Services"), (541690, ""), (622110, "Healthcare"),
]  # fmt: skip
# infection, family, tag, port at the sinkhole, severity; the first are the most frequent
FAMILIES = [
    ("mirai", "mirai", "mirai", 23, "high"), ("avalanche-andromeda", "andromeda", "andromeda", 80, "high"), ("m0yv", "m0yv", "m0yv", 80, "critical"),
    ("qsnatch", "qsnatch", "qsnatch", 443, "high"), ("vpnfilter", "vpnfilter", "apt", 443, "critical"), ("virut", "virut", "virut", 65520, "medium"),
    ("necurs", "necurs", "necurs", 80, "high"), ("ranbyus", "ranbyus", "ranbyus", 443, "high"), ("adload", "adload", "adware", 80, "low"),
    ("victorygate.b", "victorygate", "usb", 8080, "medium"),
]  # fmt: skip

NOT_GLOBAL = {0, 10, 100, 127, 169, 172, 192, 198, 203}


class Internet:
    """Providers and the prefixes they hold."""

    def __init__(self, providers=6000, seed=1):
        dice = random.Random(seed)
        sixteens = [(a, b) for a in range(1, 224) if a not in NOT_GLOBAL for b in range(256)]
        dice.shuffle(sixteens)
        numbers = dice.sample(range(1000, 400_000), providers)
        self.weights = [1.0 / (rank + 8) ** 1.05 for rank in range(providers)]
        most = self.weights[0]
        self.providers = []  # (asn, name, geo, region, city, naics, sector, has reverse names)
        self.blocks = []  # for each provider, its prefixes as (first address, length)
        spare = iter(sixteens)
        for rank, asn in enumerate(numbers):
            geo, region, city = dice.choice(PLACES)
            naics, sector = dice.choice(SECTORS)
            self.providers.append((asn, f"NETWORK-{asn}", geo, region, city, naics, sector, dice.random() < 0.4))
            share = self.weights[rank] / most
            if share > 0.05:  # whole /16s
                held = [(a << 24 | b << 16, 16) for a, b in itertools.islice(spare, max(1, int(share * 40)))]
            else:  # one /16, announced in pieces
                a, b = next(spare)
                length = dice.choice((19, 20, 21, 22, 24))
                pieces = dice.sample(range(1 << (length - 16)), min(4, 1 << (length - 16)))
                held = [(a << 24 | b << 16 | piece << (32 - length), length) for piece in sorted(pieces)]
            self.blocks.append(held)

    def prefixes(self):
        """Every prefix as (first address, length, provider), in order of address."""
        return sorted((first, length, self.providers[i]) for i, held in enumerate(self.blocks) for first, length in held)

    def write_pyasn(self, path):
        """The table as IntelMQ's ASN look-up reads it."""
        with open(path, "w", encoding="ascii") as out:
            out.write("; made-up internet\n")
            for first, length, provider in self.prefixes():
                out.write(f"{dotted(first)}/{length}\t{provider[0]}\n")

    def write_iptoasn(self, path):
        """The same table in the layout of IPtoASN: start, end, number, country, name, separated by tabs."""
        with open(path, "w", encoding="ascii") as out:
            for first, length, (asn, name, geo, *_) in self.prefixes():
                out.write(f"{dotted(first)}\t{dotted(first + (1 << (32 - length)) - 1)}\t{asn}\t{geo}\t{name}\n")


def dotted(number):
    return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def quoted(text):
    return f'"{text}"' if text else ""


class Sinkhole:
    """Rows of event4_sinkhole reports."""

    def __init__(self, internet, seed=20161117, dup=0.10):
        self.seed, self.dup = seed, dup
        self.octet = [str(n) for n in range(256)]
        self.port = [str(n) for n in range(65536)]
        self.clock = [f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in range(86400)]
        # One slot of 65536 for each 16 bits of chance, so that a weighted choice is one look-up.
        slots = 65536
        self.pick = array.array("H", random.Random(2).choices(range(len(internet.providers)), internet.weights, k=slots))
        self.family_of = array.array("B", random.Random(3).choices(range(len(FAMILIES)), [40, 18, 12, 8, 6, 5, 4, 3, 2, 2], k=256))
        self.before, self.after, self.named, self.held = [], [], [], []
        for (asn, _, geo, region, city, naics, sector, named), held in zip(internet.providers, internet.blocks):
            self.before.append(f',{asn},"{geo}","{region}","{city}",')
            self.after.append(f',{naics or ""},{quoted(sector)},,,,')
            self.named.append(f".as{asn}.example.net\"" if named else "")
            self.held.append((held, len(held)))
        # Sinkholes stand in documentation networks; what follows the severity is one of these pieces.
        self.tail = []
        for infection, family, tag, port, severity in FAMILIES:
            self.tail.append([
                f'"{severity}","{net}.{host}",{port},{64496 + host % 8},"US","CALIFORNIA","SAN JOSE",,518210,'
                f'"Communications, Service Provider, and Hosting Service",,"{infection}","{family}","{tag}",,,,,\n'
                for net in ("192.0.2", "203.0.113") for host in range(1, 33)
            ])

    def rows(self, count, day, stream=0):
        """`count` rows of one day as text, in pieces of up to 20,000 rows; `dup` of them repeat an earlier row exactly."""
        dice = random.Random(self.seed * 1_000_003 + day.toordinal() * 1009 + stream)
        octet, port, clock, pick, family_of = self.octet, self.port, self.clock, self.pick, self.family_of
        before, after, named, held, tails = self.before, self.after, self.named, self.held, self.tail
        head = f'"{day.isoformat()} '
        memory = []
        done = 0
        while done < count:
            size = min(20_000, count - done)
            chance = array.array("I", dice.randbytes(size * 16))
            chances = iter(chance)
            new = []
            add = new.append
            for a, b, c, d in zip(chances, chances, chances, chances):
                who = pick[a & 0xFFFF]
                blocks, many = held[who]
                first, length = blocks[(a >> 16) % many]
                ip = first | (b & (0xFFFFFFFF >> length))
                o1, o2, o3, o4 = octet[ip >> 24], octet[ip >> 16 & 255], octet[ip >> 8 & 255], octet[ip & 255]
                name = named[who]
                if name:
                    name = f'"{o1}-{o2}-{o3}-{o4}{name}'
                add(
                    f'{head}{clock[c % 86400]}","tcp","{o1}.{o2}.{o3}.{o4}",{port[1024 + (d & 0xFFFF) % 64512]}{before[who]}{name}{after[who]}'
                    f"{tails[family_of[d >> 16 & 255]][d >> 26]}"
                )
            if self.dup:
                repeats = int(size * self.dup + dice.random())
                for place in dice.sample(range(1, size), min(repeats, size - 1)):
                    new[place] = memory[dice.randrange(len(memory))] if memory and dice.random() < 0.5 else new[dice.randrange(place)]
                memory += new[:: max(1, size // 500)]
                if len(memory) > 20_000:
                    memory = memory[::2]
            yield "".join(new)
            done += size


def header_line():
    return ",".join(f'"{column}"' for column in HEADER) + "\n"
