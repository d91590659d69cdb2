//! Who is in the demo: providers, their customers' cameras, and how an infection comes and goes among them.
//!
//! Only what is set aside for documentation and tests: 192.0.2.0/24, 198.51.100.0/24 and 203.0.113.0/24 (RFC 5737), 198.18.0.0/15 (RFC 2544),
//! 2001:db8::/32 (RFC 3849), private-use ASNs (RFC 6996), names under `.example` (RFC 2606). Every provider, maker and bank is invented.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Days of the story.
pub(crate) const DAYS: usize = 7;
/// The day (from 0) on which the providers were told; by its afternoon they begin to act.
const NOTICE_DAY: usize = 5;
/// The day (from 0) of the flood.
pub(crate) const FLOOD_DAY: usize = 4;

/// A dice that always falls the same way: splitmix64.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// Less than `limit`, which is at least 1.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.number() % limit
    }

    pub(crate) fn within(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to - from + 1)
    }

    pub(crate) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    pub(crate) fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u64) as usize]
    }

    /// The place of a weight, each as likely as it is heavy.
    pub(crate) fn weighted(&mut self, weights: impl Iterator<Item = u64> + Clone) -> usize {
        let mut left = self.below(weights.clone().sum());
        for (place, weight) in weights.enumerate() {
            if left < weight {
                return place;
            }
            left -= weight;
        }
        unreachable!("the number is below the sum of the weights")
    }

    /// 1 mostly, more ever more rarely, at most `most`.
    pub(crate) fn few(&mut self, most: u64) -> u64 {
        let mut count = 1;
        while count < most && self.percent(35) {
            count += 1;
        }
        count
    }

    pub(crate) fn hex(&mut self, digits: usize) -> String {
        let mut out = String::with_capacity(digits + 16);
        while out.len() < digits {
            out.push_str(&format!("{:016x}", self.number()));
        }
        out.truncate(digits);
        out
    }

    /// A version 4 UUID.
    pub(crate) fn uuid(&mut self) -> String {
        let hex = self.hex(30);
        format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[12..15], &hex[15..18], &hex[18..30])
    }
}

/// A network of customers, with one place and one part of the documentation space.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) asn: u32,
    pub(crate) name: &'static str,
    pub(crate) country: &'static str,
    pub(crate) region: &'static str,
    pub(crate) city: &'static str,
    /// Its customers' names end in this; without it they have none.
    pub(crate) domain: &'static str,
    /// First address and prefix length.
    network: (Ipv4Addr, u8),
    /// Third group of its 2001:db8::/32 prefix.
    six: u16,
    /// How many infected customers, compared with the others.
    weight: u64,
    /// Of a hundred customers told, so many clean their device within the day.
    cleans: u64,
    /// Local time ahead of UTC, in hours.
    zone: i8,
    /// North American Industry Classification System, as Shadowserver reports carry it.
    pub(crate) naics: u32,
}

#[expect(clippy::too_many_arguments, reason = "one line of a table")]
const fn provider(
    asn: u32,
    name: &'static str,
    place: (&'static str, &'static str, &'static str),
    domain: &'static str,
    third: u16,
    length: u8,
    weight: u64,
    cleans: u64,
    zone: i8,
) -> Provider {
    // `third` counts the /24s of 198.18.0.0/15.
    let network = (Ipv4Addr::new(198, 18 + (third >> 8) as u8, (third & 255) as u8, 0), length);
    let naics = if weight > 40 { 517_311 } else { 518_210 };
    Provider { asn, name, country: place.0, region: place.1, city: place.2, domain, network, six: third, weight, cleans, zone, naics }
}

/// Heavy-tailed: a few networks hold most of the cameras.
#[rustfmt::skip]
pub(crate) static PROVIDERS: [Provider; 28] = [
    provider(64_601, "KAEDE-NET Kaede Cable",          ("JP", "TOKYO", "CHIYODA"),                    "kaede-net.example",     0,   20, 300, 85, 9),
    provider(64_602, "SHIRAKABA Shirakaba Hikari",     ("JP", "OSAKA", "OSAKA"),                      "shirakaba.example",     16,  21, 120, 80, 9),
    provider(64_603, "HIBARI Hibari Mobile",           ("JP", "AICHI", "NAGOYA"),                     "",                      24,  22, 45,  60, 9),
    provider(64_604, "SUZUME Suzume Town Network",     ("JP", "NAGANO", "MATSUMOTO"),                 "suzume.example",        28,  24, 8,   95, 9),
    provider(64_611, "SAEBYEOK Saebyeok Broadband",    ("KR", "SEOUL-TEUKBYEOLSI", "SEOUL"),          "saebyeok.example",      32,  20, 260, 70, 9),
    provider(64_612, "DURE Dure Cable",                ("KR", "BUSAN-GWANGYEOKSI", "BUSAN"),          "",                      48,  22, 60,  65, 9),
    provider(64_621, "YUSHAN-HOME Yushan Home Net",    ("TW", "TAIPEI", "TAIPEI"),                    "yushan-home.example",   56,  21, 140, 75, 8),
    provider(64_622, "BAMBOO-TW Bamboo Cable",         ("TW", "KAOHSIUNG", "KAOHSIUNG"),              "",                      64,  23, 30,  60, 8),
    provider(64_631, "SEN-VANG Sen Vang Telecom",      ("VN", "HA NOI", "HANOI"),                     "sen-vang.example",      96,  19, 520, 35, 7),
    provider(64_632, "TRE-XANH Tre Xanh Fiber",        ("VN", "HO CHI MINH", "HO CHI MINH CITY"),     "",                      80, 20, 280, 30, 7),
    provider(64_633, "CO-LAU Co Lau Net",              ("VN", "DA NANG", "DA NANG"),                  "",                      72, 23, 40,  25, 7),
    provider(64_641, "IPE-ROXO Ipe Roxo Fibra",        ("BR", "SAO PAULO", "SAO PAULO"),              "ipe-roxo.example",      128, 19, 460, 40, -3),
    provider(64_642, "ARARA Arara Banda Larga",        ("BR", "RIO DE JANEIRO", "RIO DE JANEIRO"),    "arara.example",         160, 21, 150, 45, -3),
    provider(64_643, "VILA-NET Vila Net Provedor",     ("BR", "BAHIA", "SALVADOR"),                   "",                      168, 23, 35,  20, -3),
    provider(64_644, "MORRO-LINK Morro Link",          ("BR", "MINAS GERAIS", "BELO HORIZONTE"),      "",                      170, 24, 12,  20, -3),
    provider(64_651, "LINDENNETZ Lindennetz",          ("DE", "HESSEN", "FRANKFURT AM MAIN"),         "lindennetz.example",    176, 22, 50,  85, 1),
    provider(64_652, "DEICHKABEL Deichkabel",          ("DE", "NIEDERSACHSEN", "HANNOVER"),           "deichkabel.example",    180, 23, 20,  90, 1),
    provider(64_661, "PRAIRIE Prairie Cable",          ("US", "ILLINOIS", "CHICAGO"),                 "prairie.example",       184, 21, 110, 55, -6),
    provider(64_662, "SALTMARSH Saltmarsh Wireless",   ("US", "VIRGINIA", "ASHBURN"),                 "saltmarsh.example",     192, 22, 40,  50, -5),
    provider(64_663, "MESA-COOP Mesa Rural Coop",      ("US", "ARIZONA", "FLAGSTAFF"),                "",                      196, 24, 6,   75, -7),
    provider(64_671, "MELATI Melati Fiber",            ("ID", "JAKARTA RAYA", "JAKARTA"),             "melati.example",        208, 20, 240, 30, 7),
    provider(64_672, "ANGGREK Anggrek Kabel",          ("ID", "JAWA TIMUR", "SURABAYA"),              "",                      200, 22, 55,  30, 7),
    provider(64_681, "CHABA Chaba Broadband",          ("TH", "KRUNG THEP MAHA NAKHON", "BANGKOK"),   "chaba.example",         224, 21, 170, 50, 7),
    provider(64_682, "RUEA-YAO Ruea Yao Net",          ("TH", "CHIANG MAI", "CHIANG MAI"),            "",                      232, 23, 25,  40, 7),
    provider(64_691, "NEEM Neem Fibernet",             ("IN", "MAHARASHTRA", "MUMBAI"),               "neem.example",          256, 20, 310, 35, 5),
    provider(64_692, "MOGRA Mogra Broadband",          ("IN", "TAMIL NADU", "CHENNAI"),               "",                      272, 21, 120, 30, 5),
    provider(64_693, "TULSI Tulsi Cable",              ("IN", "KERALA", "KOCHI"),                     "tulsi.example",         280, 23, 30,  45, 5),
    provider(4_200_000_101, "NODAHILL Nodahill Campus", ("JP", "CHIBA", "NODA"),                      "nodahill.example",      288, 24, 5,   95, 9),
];

/// The providers' networks as a table in the layout of IPtoASN: first address, last address, AS number, country, name.
pub(crate) fn networks() -> String {
    PROVIDERS
        .iter()
        .map(|p| {
            let first = u32::from(p.network.0);
            let last = Ipv4Addr::from(first + (p.size() - 1));
            let six = Ipv6Addr::new(0x2001, 0xdb8, p.six, 0, 0, 0, 0, 0);
            let six_last = Ipv6Addr::new(0x2001, 0xdb8, p.six, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff);
            let Provider { asn, country, name, network, .. } = p;
            format!("{}\t{last}\t{asn}\t{country}\t{name}\n{six}\t{six_last}\t{asn}\t{country}\t{name}\n", network.0)
        })
        .collect()
}

impl Provider {
    pub(crate) fn size(&self) -> u32 {
        1 << (32 - self.network.1)
    }

    /// The `n`th customer's address; different for each `n` below [`Provider::size`], in no visible order.
    pub(crate) fn address(&self, n: u32) -> Ipv4Addr {
        let place = n.wrapping_mul(2_654_435_761).wrapping_add(self.asn) % self.size();
        Ipv4Addr::from(u32::from(self.network.0) + place)
    }

    pub(crate) fn address6(&self, n: u32) -> Ipv6Addr {
        let host = n.wrapping_mul(2_654_435_761);
        Ipv6Addr::new(0x2001, 0xdb8, self.six, (n % 97) as u16, 0, 0, (host >> 16) as u16, host as u16)
    }

    /// The reverse name of a customer, where the provider keeps names at all.
    pub(crate) fn host_name(&self, ip: Ipv4Addr) -> String {
        if self.domain.is_empty() {
            return String::new();
        }
        let [a, b, c, d] = ip.octets();
        format!("{a}-{b}-{c}-{d}.dyn.{}", self.domain)
    }
}

/// A model of camera or recorder.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) vendor: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) model: &'static str,
    pub(crate) version: &'static str,
    pub(crate) banner: &'static str,
}

#[rustfmt::skip]
pub(crate) static DEVICES: [Device; 7] = [
    Device { vendor: "Kamerix",   kind: "dvr",       model: "KX-4108",   version: "2.1.4", banner: "KX-4108 login: " },
    Device { vendor: "Kamerix",   kind: "ip-camera", model: "KX-C20",    version: "1.8.0", banner: "KX-C20 login: " },
    Device { vendor: "Visorline", kind: "ip-camera", model: "VL-IP20",   version: "3.0.2", banner: "(none) login: " },
    Device { vendor: "Hoshimi",   kind: "nvr",       model: "HM-NVR16",  version: "5.2.1", banner: "Hoshimi NVR|login: " },
    Device { vendor: "Paravue",   kind: "ip-camera", model: "PV-210",    version: "1.0.9", banner: "PV-210|Username: " },
    Device { vendor: "Generic",   kind: "dvr",       model: "H264-DVR",  version: "",      banner: "LocalHost login: " },
    Device { vendor: "",          kind: "",          model: "",          version: "",      banner: "BusyBox login: " },
];

/// A customer's device that was infected at some time of the week.
#[derive(Debug)]
pub(crate) struct Camera {
    pub(crate) provider: &'static Provider,
    pub(crate) device: &'static Device,
    pub(crate) ip: Ipv4Addr,
    /// Infected on these days, from that second to that second of the day.
    pub(crate) days: [Option<(u32, u32)>; DAYS],
    /// How noisy it is: most are quiet, a few are seen all day.
    pub(crate) noise: u64,
}

/// All cameras of the week: they are found faster each day, most of them stay, until their owners are told.
pub(crate) fn cameras(dice: &mut Dice) -> Vec<Camera> {
    const NEWLY_INFECTED: [u32; DAYS] = [520, 430, 560, 610, 480, 160, 70];
    let mut next = [0u32; PROVIDERS.len()];
    let mut cameras = Vec::new();
    for (first, count) in NEWLY_INFECTED.into_iter().enumerate() {
        for _ in 0..count {
            let place = dice.weighted(PROVIDERS.iter().map(|provider| provider.weight));
            let provider = &PROVIDERS[place];
            if next[place] * 4 > provider.size() * 3 {
                continue;
            }
            let ip = provider.address(next[place]);
            next[place] += 1;
            let device = &DEVICES[dice.weighted([30, 18, 22, 8, 10, 25, 12].into_iter())];
            let noise = dice.few(9);
            cameras.push(Camera { provider, device, ip, days: infected_days(provider, first, dice), noise });
        }
    }
    cameras
}

/// From the first day on; a restart frees the device for a while (Mirai lives in memory), cleaning for longer.
fn infected_days(provider: &Provider, first: usize, dice: &mut Dice) -> [Option<(u32, u32)>; DAYS] {
    const DAY: u32 = 86_400;
    let mut days = [None; DAYS];
    days[first] = Some((dice.below(u64::from(DAY) - 3600) as u32, DAY));
    let mut clean = false;
    for (number, day) in days.iter_mut().enumerate().skip(first + 1) {
        if clean {
            // Not every owner changed the password: some are found again.
            if dice.percent(9) {
                clean = false;
                *day = Some((dice.below(u64::from(DAY) - 3600) as u32, DAY));
            }
        } else if number >= NOTICE_DAY && dice.percent(provider.cleans) {
            clean = true;
            *day = Some((0, dice.within(9 * 3600, u64::from(DAY)) as u32));
        } else if !dice.percent(8) {
            *day = Some((0, DAY));
        }
    }
    days
}

/// A second of the UTC day within `from..to`, more likely in the provider's evening than in its night.
pub(crate) fn moment(provider: &Provider, (from, to): (u32, u32), dice: &mut Dice) -> u32 {
    const LOCAL_HOURS: [u64; 24] = [5, 4, 3, 3, 3, 3, 4, 6, 8, 9, 9, 9, 10, 9, 9, 10, 11, 12, 14, 16, 17, 16, 12, 8];
    for _ in 0..16 {
        let local = dice.weighted(LOCAL_HOURS.into_iter()) as i32;
        let hour = (local - i32::from(provider.zone)).rem_euclid(24) as u32;
        let second = hour * 3600 + dice.below(3600) as u32;
        if (from..to).contains(&second) {
            return second;
        }
    }
    from + dice.below(u64::from(to - from)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_of_providers_are_apart_and_for_documentation_only() {
        let mut spans: Vec<(u32, u32)> = PROVIDERS.iter().map(|p| (u32::from(p.network.0), u32::from(p.network.0) + p.size())).collect();
        spans.sort_unstable();
        for (first, after) in &spans {
            assert_eq!(first % (after - first), 0, "a prefix begins at a multiple of its size");
        }
        assert!(spans.windows(2).all(|pair| pair[0].1 <= pair[1].0));
        assert!(spans[0].0 >= u32::from(Ipv4Addr::new(198, 18, 0, 0)));
        assert!(spans[spans.len() - 1].1 <= u32::from(Ipv4Addr::new(198, 20, 0, 0)));
    }

    #[test]
    fn numbers_of_providers_are_private_and_each_its_own() {
        let mut numbers: Vec<u32> = PROVIDERS.iter().map(|provider| provider.asn).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), PROVIDERS.len());
        assert!(numbers.iter().all(|asn| (64_512..=65_534).contains(asn) || (4_200_000_000..=4_294_967_294).contains(asn)));
    }

    #[test]
    fn no_two_cameras_share_an_address() {
        let mut addresses: Vec<Ipv4Addr> = cameras(&mut Dice::new(1)).iter().map(|camera| camera.ip).collect();
        let count = addresses.len();
        addresses.sort_unstable();
        addresses.dedup();
        assert_eq!(addresses.len(), count);
    }

    #[test]
    fn infections_grow_until_the_flood_and_shrink_after_the_notices_but_not_to_nothing() {
        let cameras = cameras(&mut Dice::new(1));
        let active: Vec<usize> = (0..DAYS).map(|day| cameras.iter().filter(|camera| camera.days[day].is_some()).count()).collect();
        assert!(active[..=FLOOD_DAY].windows(2).all(|pair| pair[0] < pair[1]), "{active:?}");
        assert!(active[6] < active[FLOOD_DAY] / 2 + active[FLOOD_DAY] / 5, "{active:?}");
        assert!(active[6] > 200, "{active:?}");
        let returned = cameras.iter().filter(|c| c.days[5].is_some_and(|(_, to)| to < 86_400) && c.days[6].is_some()).count();
        assert!(returned > 10, "{returned} came back");
    }
}
