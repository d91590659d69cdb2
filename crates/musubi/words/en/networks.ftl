networks-lead = What we hold you responsible for, and how we reach you.
networks-none = Nothing is recorded.
networks-what = Network, AS, domain
networks-kind = Kind
networks-said-by = Who says so
networks-valid = Valid
networks-not-now = not now
networks-contacts = Contacts
networks-no-contacts = No contact is recorded.
networks-address = Address
networks-role = Role
networks-language = Language
networks-mail = Mail
networks-sealed = encrypted
networks-unsealed = not encrypted
networks-claims = Claims
networks-claims-why = Claim a network, an AS or a domain. It counts once you have proved that it is yours.
networks-value = Network, AS or domain
networks-value-hint = 192.0.2.0/24, AS64496 or isp.example
networks-value-wrong = This is no network, AS number or domain.
networks-way = Proof
networks-claim = Claim
networks-already = This is recorded for you already.
networks-too-many = There were too many claims within a day. Come again tomorrow.
networks-confirmed = proved
networks-expired = expired
networks-contested = proved, to be confirmed by us
networks-contested-why = The proof is there. It comes into force when one of us has confirmed it; you need do nothing.
networks-ended = ended
networks-ended-why = We have ended this claim. Write to us if it should hold.
networks-waiting = to be proved
networks-code = Code
networks-check = Check now
networks-until = To be proved until
networks-withdraw = Take back
networks-withdraw-really = Take { $value } back? What was proved will hold no longer.
networks-no-more-tries = There were too many tries, or the claim has expired. Claim it again.
networks-not-shown = The proof is not there, or it is another one. A new record in the DNS can take a while to be seen.
networks-not-reached = Nobody could be asked: the resolver or the web server did not answer as it should.
party-claim-network = Network
party-claim-asn = AS
party-claim-domain = Domain
party-claim-country = Country
party-claim-product = Product
said-by-own = our own entry
said-by-claimed = claimed and proved
said-by-registry = registry { $name }
said-by-country = by country
party-contact-abuse = abuse
party-contact-csirt = CSIRT
party-contact-product-security = product security
party-contact-technical = technical
party-contact-administrative = administrative
party-language-en = English
party-language-ja = Japanese
proof-dns = DNS record
proof-mail = Mail to the contact of the registry
proof-file = File on the web server
proof-dns-how = Put this record into your zone, then have it checked:
proof-file-how = Put this line into a file at this address, then have it checked:
proof-mail-how = A code was mailed to { $address }. Type it here.
proof-mail-nobody = No registry that we know names an abuse contact for an entry that covers all of this, or the mail could not be handed over. Choose another proof, or write to us.
proof-dns-boundary = Only whole zones can be proved by DNS: IPv4 /16 or /24, IPv6 /28 to /64 in steps of four.
proof-dns-not = An AS cannot be proved by DNS.
proof-dns-off = This installation asks no resolver, so nothing can be proved by DNS.
proof-mail-off = This installation sends no mail, so nothing can be proved by mail.
proof-mail-not = A domain cannot be proved by mail to a registry.
proof-file-off = This installation fetches no files, so nothing can be proved by a file.
proof-file-not = Only a domain can be proved by a file.
proof-mail-subject = A code for { $value }
proof-mail-text =
    { $party } says that it answers for { $value }, for which a registry names this address. If that is so, give them this code:

    { $code }

    If it is not so, do nothing. This is no notice of an incident.

    { $us }
