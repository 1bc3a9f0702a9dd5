/* SPDX-License-Identifier: ISC */
/* netlink(7), rtnetlink(7). What the kernel answers to a dump is, but for its type, what it takes as a request. */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tender/device/rtnl.h>

#define PIECE 32768u

struct request {
	struct nlmsghdr head;
	uint8_t body[512];
};

static int open_socket(void)
{
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
}

/* Of one message of the answer: 0 or an errno, the answer's, or MORE. */
typedef int message_fn(void *context, const struct nlmsghdr *);
#define MORE (-1)

/* Sends a request and reads what is answered, until `each` knows how it ended: 0 or an errno. */
static int exchange(const struct nlmsghdr *head, message_fn *each, void *context)
{
	static uint8_t piece[PIECE];
	int fd = open_socket(), result = MORE;
	if (fd < 0 || send(fd, head, head->nlmsg_len, 0) < 0)
		result = errno;
	while (result == MORE) {
		ssize_t n = recv(fd, piece, sizeof piece, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			result = n ? errno : EIO;
			break;
		}
		const struct nlmsghdr *h = (const struct nlmsghdr *)piece;
		for (uint32_t left = (uint32_t)n; result == MORE && NLMSG_OK(h, left);
		     h = NLMSG_NEXT(h, left))
			result = h->nlmsg_type == NLMSG_ERROR
			                 ? -((const struct nlmsgerr *)NLMSG_DATA(h))->error
			                 : each(context, h);
	}
	if (fd >= 0)
		close(fd);
	return result;
}

static int take_index(void *index, const struct nlmsghdr *h)
{
	if (index && h->nlmsg_type == RTM_NEWLINK)
		*(int *)index = ((const struct ifinfomsg *)NLMSG_DATA(h))->ifi_index;
	return MORE;
}

/* Has something done: 0 or an errno. `index`, unless null: of the link that was made. */
static int ask(struct nlmsghdr *head, int *index)
{
	head->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK | (index ? NLM_F_ECHO : 0);
	return exchange(head, take_index, index);
}

static void put(struct request *r, uint16_t type, const void *bytes, size_t size)
{
	struct rtattr *a = (struct rtattr *)((uint8_t *)r + NLMSG_ALIGN(r->head.nlmsg_len));
	a->rta_type = type;
	a->rta_len = (uint16_t)RTA_LENGTH(size);
	if (size)
		memcpy(RTA_DATA(a), bytes, size);
	r->head.nlmsg_len = NLMSG_ALIGN(r->head.nlmsg_len) + RTA_ALIGN(a->rta_len);
}

static struct rtattr *begin(struct request *r, uint16_t type)
{
	struct rtattr *a = (struct rtattr *)((uint8_t *)r + NLMSG_ALIGN(r->head.nlmsg_len));
	put(r, type, NULL, 0);
	return a;
}

static void end(struct request *r, struct rtattr *a)
{
	a->rta_len = (uint16_t)((uint8_t *)r + r->head.nlmsg_len - (uint8_t *)a);
}

/* ---- Addresses and routes ---- */

static struct net_ip ip_of(const struct rtattr *a, uint8_t family)
{
	struct net_ip ip = { .family = family == AF_INET6 ? NET_IP6 : NET_IP4 };
	size_t size = family == AF_INET6 ? 16 : 4;
	memcpy(ip.bytes, RTA_DATA(a), RTA_PAYLOAD(a) < size ? RTA_PAYLOAD(a) : size);
	return ip;
}

static bool is_meant(const struct rtnl_state *s, uint8_t family)
{
	return (family == AF_INET && s->ip4) || (family == AF_INET6 && s->ip6);
}

static bool keep(struct rtnl_state *s, const struct nlmsghdr *h)
{
	uint32_t size = NLMSG_ALIGN(h->nlmsg_len);
	if (size > RTNL_STATE_MAX - s->size)
		return false;
	memcpy(s->requests + s->size, h, h->nlmsg_len);
	s->size += size;
	return true;
}

static bool take_address(struct rtnl_state *s, const struct nlmsghdr *h, struct net_words *w)
{
	const struct ifaddrmsg *m = NLMSG_DATA(h);
	struct net_ip address = { 0 };
	uint32_t left = IFA_PAYLOAD(h);
	if (m->ifa_index != s->interface || !is_meant(s, m->ifa_family) ||
	    (m->ifa_family == AF_INET6 && !(m->ifa_flags & IFA_F_PERMANENT)))
		return true;
	for (struct rtattr *a = IFA_RTA(m); RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == IFA_LOCAL || (a->rta_type == IFA_ADDRESS && !address.family))
			address = ip_of(a, m->ifa_family);
	return keep(s, h) &&
	       net_words_add(w, AMP_NET_WORD_ADDRESS, &address, m->ifa_prefixlen, NULL);
}

/* The kernel makes the routes of its own again when it gets the address. */
static bool take_route(struct rtnl_state *s, const struct nlmsghdr *h, struct net_words *w)
{
	const struct rtmsg *m = NLMSG_DATA(h);
	struct net_ip to = { .family = m->rtm_family == AF_INET6 ? NET_IP6 : NET_IP4 },
	              gateway = to;
	uint32_t interface = 0, left = RTM_PAYLOAD(h);
	for (struct rtattr *a = RTM_RTA(m); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == RTA_DST)
			to = ip_of(a, m->rtm_family);
		else if (a->rta_type == RTA_GATEWAY)
			gateway = ip_of(a, m->rtm_family);
		else if (a->rta_type == RTA_OIF)
			memcpy(&interface, RTA_DATA(a), sizeof interface);
	}
	if (interface != s->interface || !is_meant(s, m->rtm_family) ||
	    m->rtm_table != RT_TABLE_MAIN || m->rtm_type != RTN_UNICAST ||
	    m->rtm_protocol == RTPROT_KERNEL)
		return true;
	bool told = !m->rtm_dst_len && net_words_gateway(w, to.family);
	return (m->rtm_protocol == RTPROT_RA || keep(s, h)) &&
	       (told || net_words_add(w, AMP_NET_WORD_ROUTE, &to, m->rtm_dst_len, &gateway));
}

struct dump {
	struct rtnl_state *state;
	struct net_words *words;
	bool (*take)(struct rtnl_state *, const struct nlmsghdr *, struct net_words *);
};

static int take_one(void *context, const struct nlmsghdr *h)
{
	const struct dump *d = context;
	if (h->nlmsg_type == NLMSG_DONE)
		return 0;
	return d->take(d->state, h, d->words) ? MORE : E2BIG;
}

static int dump(uint16_t type, uint8_t family, struct dump d)
{
	struct request r = { .head = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)),
		                       .nlmsg_type = type,
		                       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP } };
	r.body[0] = family; /* in struct ifaddrmsg and rtmsg alike */
	return is_meant(d.state, family) ? exchange(&r.head, take_one, &d) : 0;
}

/* An address comes back before the routes that need it. */
int rtnl_read(struct rtnl_state *s, uint32_t interface, struct net_words *w, struct defect *why)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	int error = 0;
	s->interface = interface;
	s->size = 0;
	for (uint32_t k = 0; k < 2 && !error; k++)
		error = dump(RTM_GETADDR, families[k], (struct dump){ s, w, take_address });
	for (uint32_t k = 0; k < 2 && !error; k++)
		error = dump(RTM_GETROUTE, families[k], (struct dump){ s, w, take_route });
	if (error == E2BIG)
		return defect_set(why, "the interface has more than %u addresses and routes",
		                  NET_WORDS_EACH);
	return error ? defect_set(why, "cannot read the interface's addresses: %s", strerror(error))
	             : 0;
}

/* Calls for each request, copied to where it may be changed; until one fails. */
static int each(const struct rtnl_state *s, int (*call)(struct nlmsghdr *))
{
	for (uint32_t at = 0; at < s->size;) {
		struct {
			struct nlmsghdr head;
			uint8_t body[1024];
		} r;
		memcpy(&r.head, s->requests + at, sizeof r.head);
		uint32_t size = r.head.nlmsg_len;
		if (size <= sizeof r) {
			memcpy(&r, s->requests + at, size);
			int error = call(&r.head);
			if (error)
				return error;
		}
		at += NLMSG_ALIGN(size);
	}
	return 0;
}

static int lift(struct nlmsghdr *h)
{
	if (h->nlmsg_type != RTM_NEWADDR)
		return 0;
	h->nlmsg_type = RTM_DELADDR;
	h->nlmsg_flags = 0;
	int error = ask(h, NULL);
	return error == EADDRNOTAVAIL ? 0 : error; /* a second address goes with its first */
}

int rtnl_lift(const struct rtnl_state *s, struct defect *why)
{
	int error = each(s, lift);
	return error ? defect_set(why, "cannot take the interface's addresses: %s%s",
	                          strerror(error),
	                          error == EPERM ? ": run as root or with CAP_NET_ADMIN, or say "
	                                           "addresses=keep"
	                                         : "")
	             : 0;
}

static int put_back(struct nlmsghdr *h)
{
	h->nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE;
	ask(h, NULL);
	return 0; /* what else can be done is done */
}

void rtnl_put_back(const struct rtnl_state *s)
{
	each(s, put_back);
}

/* ---- Links ---- */

int rtnl_macvtap(uint32_t interface, const char *pattern, struct defect *why)
{
	struct request r = { .head = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
		                       .nlmsg_type = RTM_NEWLINK,
		                       .nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL } };
	struct ifinfomsg *m = NLMSG_DATA(&r.head);
	uint32_t mode = MACVLAN_MODE_BRIDGE;
	int index = 0;
	m->ifi_flags = m->ifi_change = IFF_UP;
	put(&r, IFLA_IFNAME, pattern, strlen(pattern) + 1);
	put(&r, IFLA_LINK, &interface, sizeof interface);
	struct rtattr *info = begin(&r, IFLA_LINKINFO);
	put(&r, IFLA_INFO_KIND, "macvtap", 7);
	struct rtattr *data = begin(&r, IFLA_INFO_DATA);
	put(&r, IFLA_MACVLAN_MODE, &mode, sizeof mode);
	end(&r, data);
	end(&r, info);
	int error = ask(&r.head, &index);
	if (error == EOPNOTSUPP)
		return defect_set(
		        why, "this kernel has no macvtap: load it (modprobe macvtap), or use a "
		             "bridge");
	if (error == EPERM)
		return defect_set(why, "no permission to make a macvtap link: run as root or with "
		                       "CAP_NET_ADMIN; without either, -p needs no rights");
	if (error)
		return defect_set(why, "cannot make a macvtap link: %s", strerror(error));
	return index ? index : defect_set(why, "the kernel does not name the macvtap link");
}

void rtnl_delete_link(uint32_t interface)
{
	struct request r = { .head = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
		                       .nlmsg_type = RTM_DELLINK } };
	struct ifinfomsg *m = NLMSG_DATA(&r.head);
	m->ifi_index = (int)interface;
	ask(&r.head, NULL);
}

void rtnl_group(uint32_t interface, uint32_t group)
{
	struct request r = { .head = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
		                       .nlmsg_type = RTM_NEWLINK } };
	struct ifinfomsg *m = NLMSG_DATA(&r.head);
	m->ifi_index = (int)interface;
	put(&r, IFLA_GROUP, &group, sizeof group);
	ask(&r.head, NULL);
}

void rtnl_quiet_port(uint32_t interface)
{
	struct request r = { .head = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
		                       .nlmsg_type = RTM_SETLINK } };
	struct ifinfomsg *m = NLMSG_DATA(&r.head);
	uint8_t on = 1;
	m->ifi_family = AF_BRIDGE;
	m->ifi_index = (int)interface;
	/* Flags against floods leave what the host itself sends to many; this one does not. The bridge answers ARP there for
	 * those whom the host knows, too. */
	struct rtattr *port = begin(&r, IFLA_PROTINFO | NLA_F_NESTED);
	put(&r, IFLA_BRPORT_PROXYARP, &on, sizeof on);
	end(&r, port);
	ask(&r.head, NULL);
}

void rtnl_delete_group(uint32_t group)
{
	struct request r = { .head = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
		                       .nlmsg_type = RTM_DELLINK } };
	put(&r, IFLA_GROUP, &group, sizeof group);
	ask(&r.head, NULL);
}
