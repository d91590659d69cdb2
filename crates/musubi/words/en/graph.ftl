graph-title = Graph
graph-value = Address, domain, URL, hash or malware
graph-do = Draw
graph-lead = What belongs together, and why. Begin with a value, or from a case or an indicator.
graph-none = Nothing is known that would be joined with it. Values are looked for in the last 90 days.
graph-late = It takes too long to look; ask for something narrower.
graph-describes = { $nodes } things and { $edges } reasons why they belong together. The table below has the same.
graph-left-out = { $count ->
        [one] 1 thing is
       *[other] { $shown } things are
    } left out: those with the fewest events.
graph-cut = There is more in the events than was read; the most frequent combinations are here.
graph-move = Move the picture
graph-nearer = Nearer
graph-further = Further away
graph-left = To the left
graph-right = To the right
graph-up = Up
graph-down = Down
graph-whole = All of it
graph-edges = What belongs together, and why
graph-from = From
graph-to = To
graph-why = Why
graph-rows = Rows
graph-open = Open
graph-around = Draw around this
graph-first-edges = The first { $shown } are listed.

graph-address = Address
graph-domain = Domain
graph-hash = Hash
graph-malware = Malware
graph-case = Case
graph-party = Party
graph-url = URL
graph-indicator = Indicator

graph-stands-for = stands for it
graph-goes-on = goes on in it
graph-takes-part = takes part as { $role }
graph-was-asked = was asked to end it ({ $takedown })
graph-about = is about it
graph-led-to = led to the indicator
graph-is-of = is said to be of it
graph-has-name = has this name
graph-lies-at = lies at
graph-reaches = reaches
graph-has-malware = has this malware
