problems-lead = Hosts and names that you answer for, each with what was seen. What you are shown is written into the log of releases.
problems-ways = In which role
problems-none = Nothing fits. There may be nothing, the filter may leave it out, or we may not tell you of it.
problems-count = { $shown } observations of { $hosts } hosts
problems-all = All
problems-days = { $count -> 
    [one] Last day
   *[other] Last { $shown } days
 }
problems-span = Time
problems-sort = Order
problems-sort-newest = Newest first
problems-sort-address = By address
problems-sort-type = By type
problems-q = Address, network, AS or word
problems-seen = Seen
problems-host = Host
problems-port = Port
problems-what = What
problems-to = Towards
problems-handling = Handling
problems-download = Download
problems-download-why = Everything that the filter above lets through, at most the { $most } newest rows. Each file is a release in our log.
problems-download-cut = There are more rows than one file holds: narrow the filter to get the rest.
