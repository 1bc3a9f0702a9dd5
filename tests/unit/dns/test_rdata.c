/* SPDX-License-Identifier: ISC */
/*
 * Record data: text to wire and back for every type. The examples are those of the types' RFCs
 * where they have any; the wire forms were computed by BIND 9.18 (named-rrchecker -u) and, where it
 * knows the type, dnspython 2.3, which agreed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <core/error.h>
#include <app/dns/rdata.h>
#include <app/dns/text.h>
#include <app/dns/type.h>

struct row {
	const char *class, *type, *text, *wire; /* wire: hexadecimal */
};

/* clang-format off */
static const struct row rows[] = {
	{ "IN", "A", "192.0.2.255", "C00002FF" },
	{ "CH", "A", "lcs.mit.edu. 0177777", "036C6373036D69740365647500FFFF" },
	{ "HS", "A", "192.0.2.1", "C0000201" },
	{ "IN", "NS", "ns1.Example.", "036E7331074578616D706C6500" },
	{ "IN", "MD", "a.", "016100" },
	{ "IN", "MF", "a.b.", "0161016200" },
	{ "IN", "CNAME", ".", "00" },
	{ "IN", "SOA", "ns.example. host\\.master.example. 2024010101 1h 15M 1w2d3h4m5s 4294967295", "026E73076578616D706C65000B686F73742E6D6173746572076578616D706C650078A3F17500" "000E1000000384000C08A5FFFFFFFF" },
	{ "IN", "MB", "mb.", "026D6200" },
	{ "IN", "MG", "mg.", "026D6700" },
	{ "IN", "MR", "mr.", "026D7200" },
	{ "IN", "NULL", "\\# 3 abCD ef", "ABCDEF" },
	{ "IN", "WKS", "10.0.0.1 TCP ftp smtp 80", "0A000001060000044000000000000080" },
	{ "IN", "WKS", "10.0.0.1 17 53 0 1023", "0A00000111800000000000040000000000000000000000000000000000000000000000000000" "0000000000000000000000000000000000000000000000000000000000000000000000000000" "0000000000000000000000000000000000000000000000000000000000000000000000000000" "00000000000000000000000000000000000001" },
	{ "IN", "PTR", "host.", "04686F737400" },
	{ "IN", "HINFO", "PC-Intel-700mhz \"Redhat Linux 7.1\"", "0F50432D496E74656C2D3730306D687A10526564686174204C696E757820372E31" },
	{ "IN", "MINFO", "r. e.", "017200016500" },
	{ "IN", "MX", "65535 mail.example.", "FFFF046D61696C076578616D706C6500" },
	{ "IN", "TXT", "\"\" a \"b c\" \\065\\\"\\;\\200", "000161036220630441223BC8" },
	{ "IN", "RP", "mbox.example. txt.example.", "046D626F78076578616D706C650003747874076578616D706C6500" },
	{ "IN", "AFSDB", "1 afs.", "00010361667300" },
	{ "IN", "X25", "311061700956", "0C333131303631373030393536" },
	{ "IN", "ISDN", "150862028003217", "0F313530383632303238303033323137" },
	{ "IN", "ISDN", "150862028003217 004", "0F31353038363230323830303332313703303034" },
	{ "IN", "RT", "10 relay.", "000A0572656C617900" },
	{ "IN", "NSAP", "0x47.0005.80.005a00.0000.0001.e133.ffffff000161.00", "47000580005A0000000001E133FFFFFF00016100" },
	{ "IN", "NSAP-PTR", "foo.", "03666F6F00" },
	{ "IN", "SIG", "NXT 1 3 3600 20000102030405 19990102030405 2143 foo.nil. MxFcby9k/yvedMfQgKzhH5er0Mu/vILz", "001E010300000E10386EC025368D8CA5085F03666F6F036E696C0033115C6F2F64FF2BDE74C7" "D080ACE11F97ABD0CBBFBC82F3" },
	{ "IN", "KEY", "256 3 5 AQPSKmynfzW4kyBv015MUG2D", "010003050103D22A6CA77F35B893206FD35E4C506D83" },
	{ "IN", "KEY", "49152 3 8", "C0000308" },
	{ "IN", "PX", "10 map822. mapx400.", "000A066D617038323200076D61707834303000" },
	{ "IN", "GPOS", "-32.6882 116.8652 10.0", "082D33322E36383832083131362E383635320431302E30" },
	{ "IN", "AAAA", "2001:db8::1", "20010DB8000000000000000000000001" },
	{ "IN", "AAAA", "::ffff:192.0.2.33", "00000000000000000000FFFFC0000221" },
	{ "IN", "AAAA", "::", "00000000000000000000000000000000" },
	{ "IN", "AAAA", "1:2:3:4:5:6:7:8", "00010002000300040005000600070008" },
	{ "IN", "AAAA", "fe80:0:0:1::", "FE800000000000010000000000000000" },
	{ "IN", "LOC", "42 21 54 N 71 06 18 W -24m 30m", "0033161389172DD070BE15F000988D20" },
	{ "IN", "LOC", "52 14 05 N 00 08 50 E 10m", "001216138B3556C88008165000989A68" },
	{ "IN", "LOC", "32 7 19 S 116 2 25 E 10m", "00121613791B7D2898E6486800989A68" },
	{ "IN", "LOC", "60 9 0.123 N 24 39 0 E 10.25m 20.00m 2000.00m 20.00m", "002325238CE823DB854A10A000989A81" },
	{ "IN", "LOC", "90 S 180 W -100000.00m 0 90000000 0.09m", "000099906CB0270059604E0000000000" },
	{ "IN", "NXT", "medium.foo.nil. A MX SIG NXT", "066D656469756D03666F6F036E696C0040010082" },
	{ "IN", "EID", "012345 67", "01234567" },
	{ "IN", "NIMLOC", "0123456789ab", "0123456789AB" },
	{ "IN", "SRV", "1 2 65535 target.", "00010002FFFF0674617267657400" },
	{ "IN", "ATMA", "47.0005.80", "0047000580" },
	{ "IN", "ATMA", "+31.10.20", "01333131303230" },
	{ "IN", "NAPTR", "100 50 \"a\" \"z3950+N2L+N2C\" \"\" cidserver.example.com.", "0064003201610D7A333935302B4E324C2B4E32430009636964736572766572076578616D706C" "6503636F6D00" },
	{ "IN", "NAPTR", "100 10 \"\" \"\" \"!^urn:cid:.+@([^\\\\.]+\\\\.)(.*)$!\\\\2!i\" .", "0064000A000021215E75726E3A6369643A2E2B40285B5E5C2E5D2B5C2E29282E2A2924215C32" "216900" },
	{ "IN", "KX", "10 kx.", "000A026B7800" },
	{ "IN", "CERT", "PKIX 65535 RSASHA256 AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==", "0001FFFF08010351537986ED35533B6064478EEEB27B5BD74DAE149B6E81BA3A0521AF82AB78" "01" },
	{ "IN", "CERT", "6 0 0 FKXA3MFZ", "000600000014A5C0DCC159" },
	{ "IN", "A6", "64 ::1234:5678:1:2 SUBNET-1.IP6.EXAMPLE.", "401234567800010002085355424E45542D3103495036074558414D504C4500" },
	{ "IN", "A6", "0 2345:c1:ca11:1:1234:5678:9abc:def0", "00234500C1CA110001123456789ABCDEF0" },
	{ "IN", "A6", "61 ::9 sub.", "3D0000000000000000090373756200" },
	{ "IN", "A6", "128 foo.", "8003666F6F00" },
	{ "IN", "DNAME", "target.", "0674617267657400" },
	{ "IN", "SINK", "1 2 3 AAAA", "010203000000" },
	{ "IN", "SINK", "255 0 0", "FF0000" },
	{ "IN", "APL", "1:192.168.32.0/21 !1:192.168.38.0/28", "00011503C0A82000011C83C0A826" },
	{ "IN", "APL", "2:FF00:0:0:0:0:0:0:0/8 1:0.0.0.0/0", "00020801FF00010000" },
	{ "IN", "APL", "", "" },
	{ "IN", "DS", "60485 RSASHA1 1 ( 2BB183AF5F22588179A53B0A98631FAD1A292118 )", "EC4505012BB183AF5F22588179A53B0A98631FAD1A292118" },
	{ "IN", "DS", "60485 5 2 D4B7D520E7BB5F0F67674A0CCEB1E3E0 614B93C4F9E99B8383F6A1E4469DA50A", "EC450502D4B7D520E7BB5F0F67674A0CCEB1E3E0614B93C4F9E99B8383F6A1E4469DA50A" },
	{ "IN", "DS", "60485 5 9 0102", "EC4505090102" },
	{ "IN", "SSHFP", "2 1 123456789abcdef67890123456789abcdef67890", "0201123456789ABCDEF67890123456789ABCDEF67890" },
	{ "IN", "IPSECKEY", "10 1 2 192.0.2.38 AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==", "0A0102C0000226010351537986ED35533B6064478EEEB27B5BD74DAE149B6E81BA3A0521AF82" "AB7801" },
	{ "IN", "IPSECKEY", "10 0 2 . AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==", "0A0002010351537986ED35533B6064478EEEB27B5BD74DAE149B6E81BA3A0521AF82AB7801" },
	{ "IN", "IPSECKEY", "10 3 2 mygateway.example.com. AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==", "0A0302096D7967617465776179076578616D706C6503636F6D00010351537986ED35533B6064" "478EEEB27B5BD74DAE149B6E81BA3A0521AF82AB7801" },
	{ "IN", "IPSECKEY", "10 2 2 2001:0DB8:0:8002::2000:1 AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==", "0A020220010DB8000080020000000020000001010351537986ED35533B6064478EEEB27B5BD7" "4DAE149B6E81BA3A0521AF82AB7801" },
	{ "IN", "RRSIG", "A 5 3 86400 20030322173103 20030220173103 2642 example.com. oJB1W6WNGv+ldvQ3WDG0MQkg5IEhjRip8WTrPYGv07h108dUKGMeDPKijVCHX3DDKdfb+v6oB9wfuh3DTJXUAfI/M0zmO/zz8bW0Rznl8O3tGNazPwQKkRN20XPXV6nwwfoXmJQbsLNrLfkGJ5D6fwFm8nN+6pBzeDQfsS3Ap3o=", "00010503000151803E7C9DD73E5510D70A52076578616D706C6503636F6D00A090755BA58D1A" "FFA576F4375831B4310920E481218D18A9F164EB3D81AFD3B875D3C75428631E0CF2A28D5087" "5F70C329D7DBFAFEA807DC1FBA1DC34C95D401F23F334CE63BFCF3F1B5B44739E5F0EDED18D6" "B33F040A911376D173D757A9F0C1FA1798941BB0B36B2DF9062790FA7F0166F2737EEA907378" "341FB12DC0A77A" },
	{ "IN", "NSEC", "host.example.com. TYPE1234 NSEC A MX RRSIG", "04686F7374076578616D706C6503636F6D000006400100000003041B00000000000000000000" "0000000000000000000000000000000020" },
	{ "IN", "NSEC", "a. TYPE65535 TYPE256 TYPE1", "016100000140010180FF20000000000000000000000000000000000000000000000000000000" "0000000001" },
	{ "IN", "DNSKEY", "256 3 RSASHA1 AQPSKmynfzW4kyBv015MUG2DeIQ3Cbl+BBZH4b/0PY1kxkmvHjcZc8no kfzj31GajIQKY+5CptLr3buXA10hWqTkF7H6RfoRqXQeogmMHfpftf6z Mv1LyBUgia7za6ZEzOJBOztyvhjL742iU/TpPSEDhm2SNKLijfUppn1U aNvv4w==", "010003050103D22A6CA77F35B893206FD35E4C506D8378843709B97E041647E1BFF43D8D64C6" "49AF1E371973C9E891FCE3DF519A8C840A63EE42A6D2EBDDBB97035D215AA4E417B1FA45FA11" "A9741EA2098C1DFA5FB5FEB332FD4BC8152089AEF36BA644CCE2413B3B72BE18CBEF8DA253F4" "E93D2103866D9234A2E28DF529A67D5468DBEFE3" },
	{ "IN", "DHCID", "AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=", "000201636FC0B8271C82825BB1AC5C41CF5351AA69B4FEBD94E8F17CDB95000DA48C40" },
	{ "IN", "NSEC3", "1 1 12 aabbccdd 2t7b4g4vsa5smi47k61mv5bv1a22bojr MX DNSKEY NS SOA NSEC3PARAM RRSIG", "0101000C04AABBCCDD14174EB2409FE28BCB4887A1836F957F0A8425E27B0007220100000002" "90" },
	{ "IN", "NSEC3", "1 0 0 - 2T7B4G4VSA5SMI47K61MV5BV1A22BOJR", "010000000014174EB2409FE28BCB4887A1836F957F0A8425E27B" },
	{ "IN", "NSEC3PARAM", "1 0 12 aabbccdd", "0100000C04AABBCCDD" },
	{ "IN", "NSEC3PARAM", "1 0 0 -", "0100000000" },
	{ "IN", "TLSA", "0 0 1 d2abde240d7cd3ee6b4b28c54df034b9 7983a1d16e8a410e4561cb106618e971", "000001D2ABDE240D7CD3EE6B4B28C54DF034B97983A1D16E8A410E4561CB106618E971" },
	{ "IN", "SMIMEA", "3 0 0 ab", "030000AB" },
	{ "IN", "HIP", "2 200100107B1A74DF365639CC39F1D578 AwEAAbdxyhNuSutc5EMzxTs9LBPCIkOFH8cIvM4p9+LrV4e19WzK00+CI6zBCQTdtWsuxKbWIy87UOoJTwkUs7lBu+Upr1gsNrut79ryra+bSRGQb1slImA8YVJyuIDsj7kwzG7jnERNqnWxZ48AWkskmdHaVDP4BcelrTI3rMXdXF5D rvs1.example.com. rvs2.example.com.", "10020084200100107B1A74DF365639CC39F1D57803010001B771CA136E4AEB5CE44333C53B3D" "2C13C22243851FC708BCCE29F7E2EB5787B5F56CCAD34F8223ACC10904DDB56B2EC4A6D6232F" "3B50EA094F0914B3B941BBE529AF582C36BBADEFDAF2ADAF9B4911906F5B2522603C615272B8" "80EC8FB930CC6EE39C444DAA75B1678F005A4B2499D1DA5433F805C7A5AD3237ACC5DD5C5E43" "0472767331076578616D706C6503636F6D000472767332076578616D706C6503636F6D00" },
	{ "IN", "NINFO", "\"foo\" bar", "03666F6F03626172" },
	{ "IN", "RKEY", "0 255 1 AQMFD5raczCJHViKtLYhWGz8", "0000FF010103050F9ADA7330891D588AB4B621586CFC" },
	{ "IN", "TALINK", "a. b.", "016100016200" },
	{ "IN", "CDS", "0 0 0 00", "0000000000" },
	{ "IN", "CDNSKEY", "0 3 0 AA==", "0000030000" },
	{ "IN", "OPENPGPKEY", "AQMFD5raczCJHViKtLYhWGz8", "0103050F9ADA7330891D588AB4B621586CFC" },
	{ "IN", "CSYNC", "66 3 A NS AAAA", "000000420003000460000008" },
	{ "IN", "CSYNC", "0 0", "000000000000" },
	/* RFC 8976 A.3: a private scheme has digests of its own size, whatever their hash */
	{ "IN", "ZONEMD", "2018031900 241 1 E1846540E33A9E4189792D18D5D131F605FC283E", "7848B91CF101E1846540E33A9E4189792D18D5D131F605FC283E" },
	{ "IN", "ZONEMD", "2018031900 1 1 c68090d90a7aed716bc459f9340e3d7c1370d4d24b7e2fc3a1ddc0b9a87153b9a9713b3c9ae5cc27777f98b8e730044c", "7848B91C0101C68090D90A7AED716BC459F9340E3D7C1370D4D24B7E2FC3A1DDC0B9A87153B9" "A9713B3C9AE5CC27777F98B8E730044C" },
	{ "IN", "SVCB", "0 foo.example.com.", "000003666F6F076578616D706C6503636F6D00" },
	{ "IN", "SVCB", "1 .", "000100" },
	{ "IN", "SVCB", "16 foo.example.com. port=53", "001003666F6F076578616D706C6503636F6D00000300020035" },
	{ "IN", "SVCB", "1 foo.example.com. key667=hello", "000103666F6F076578616D706C6503636F6D00029B000568656C6C6F" },
	{ "IN", "SVCB", "1 foo.example.com. key667=\"hello\\210qoo\"", "000103666F6F076578616D706C6503636F6D00029B000968656C6C6FD2716F6F" },
	{ "IN", "SVCB", "1 foo.example.com. ipv6hint=\"2001:db8::1,2001:db8::53:1\"", "000103666F6F076578616D706C6503636F6D000006002020010DB80000000000000000000000" "0120010DB8000000000000000000530001" },
	{ "IN", "SVCB", "1 example.com. ipv6hint=\"2001:db8:122:344::192.0.2.33\"", "0001076578616D706C6503636F6D000006001020010DB80122034400000000C0000221" },
	{ "IN", "SVCB", "16 foo.example.org. ( alpn=h2,h3-19 mandatory=ipv4hint,alpn ipv4hint=192.0.2.1 )", "001003666F6F076578616D706C65036F7267000000000400010004000100090268320568332D" "313900040004C0000201" },
	{ "IN", "SVCB", "16 foo.example.org. alpn=\"f\\\\\\\\oo\\\\,bar,h2\"", "001003666F6F076578616D706C65036F7267000001000C08665C6F6F2C626172026832" },
	{ "IN", "SVCB", "16 foo.example.org. alpn=f\\\\\\092oo\\092,bar,h2", "001003666F6F076578616D706C65036F7267000001000C08665C6F6F2C626172026832" },
	{ "IN", "HTTPS", "1 . ech=AQIDBA== alpn=h2 no-default-alpn key65000 port=8443", "00010000010003026832000200000003000220FB0005000401020304FDE80000" },
	{ "IN", "SVCB", "1 dot. alpn=dot dohpath=/q{?dns}", "000103646F74000001000403646F74000700082F717B3F646E737D" },
	{ "IN", "DSYNC", "CDS NOTIFY 5359 cds-scanner.example.net.", "003B0114EF0B6364732D7363616E6E6572076578616D706C65036E657400" },
	{ "IN", "HHIT", "AQMF", "010305" },
	{ "IN", "BRID", "AQMF", "010305" },
	{ "IN", "SPF", "\"v=spf1 -all\"", "0B763D73706631202D616C6C" },
	{ "IN", "UINFO", "\\# 1 00", "00" },
	{ "IN", "UID", "\\# 0", "" },
	{ "IN", "GID", "\\# 2 abcd", "ABCD" },
	{ "IN", "UNSPEC", "\\# 1 ff", "FF" },
	{ "IN", "NID", "10 0014:4fff:ff20:ee64", "000A00144FFFFF20EE64" },
	{ "IN", "L32", "10 10.1.2.0", "000A0A010200" },
	{ "IN", "L64", "10 2001:0DB8:1140:1000", "000A20010DB811401000" },
	{ "IN", "LP", "10 l64-subnet1.example.com.", "000A0B6C36342D7375626E657431076578616D706C6503636F6D00" },
	{ "IN", "EUI48", "00-00-5e-00-53-2a", "00005E00532A" },
	{ "IN", "EUI64", "00-00-5e-ef-10-00-00-2a", "00005EEF1000002A" },
	{ "IN", "URI", "10 1 \"ftp://ftp1.example.com/public\"", "000A00016674703A2F2F667470312E6578616D706C652E636F6D2F7075626C6963" },
	{ "IN", "CAA", "0 issue \"ca1.example.net; account=230123\"", "000569737375656361312E6578616D706C652E6E65743B206163636F756E743D323330313233" },
	{ "IN", "CAA", "128 tbs Unknown", "8003746273556E6B6E6F776E" },
	{ "IN", "AVC", "\"app-name:WOLFGANG|app-class:OAM\"", "1F6170702D6E616D653A574F4C4647414E477C6170702D636C6173733A4F414D" },
	{ "IN", "DOA", "0 1 2 \"\" aHR0cHM6Ly93d3cuaXNjLm9yZy8=", "0000000000000001020068747470733A2F2F7777772E6973632E6F72672F" },
	{ "IN", "DOA", "1234567890 1234567890 1 \"image/gif\" -", "499602D2499602D20109696D6167652F676966" },
	{ "IN", "AMTRELAY", "10 0 1 203.0.113.15", "0A01CB00710F" },
	{ "IN", "AMTRELAY", "10 0 2 2001:db8::15", "0A0220010DB8000000000000000000000015" },
	{ "IN", "AMTRELAY", "128 1 3 amtrelays.example.com.", "808309616D7472656C617973076578616D706C6503636F6D00" },
	{ "IN", "AMTRELAY", "10 0 0 .", "0A00" },
	{ "IN", "RESINFO", "qnamemin exterr=15-17 \"infourl=https://x.example/\"", "08716E616D656D696E0C6578746572723D31352D31371A696E666F75726C3D68747470733A2F" "2F782E6578616D706C652F" },
	{ "IN", "WALLET", "BTC \"bc1q ar0\"", "03425443086263317120617230" },
	{ "IN", "TA", "60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118", "EC4505012BB183AF5F22588179A53B0A98631FAD1A292118" },
	{ "IN", "DLV", "60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118", "EC4505012BB183AF5F22588179A53B0A98631FAD1A292118" },
	{ "IN", "TYPE65280", "\\# 4 0A00 0001", "0A000001" },
	{ "IN", "A", "\\# 4 0A000001", "0A000001" },
	{ "CLASS32", "TYPE731", "\\# 6 abcd ( ef 01 23 45 )", "ABCDEF012345" },
	{ "CLASS32", "A", "\\# 4 0A000001", "0A000001" },
	{ "IN", "MX", "\\# 8 000a 04 6d61696c 00", "000A046D61696C00" },
	{ "IN", "SVCB", "1 . key3=\\000\\065 alpn=h2", "00010000010003026832000300020041" },
};
/* clang-format on */
#define ROWS (sizeof rows / sizeof rows[0])

static const struct dns_name root = { 1, { 0 } };
static struct dns_problem problem;
static uint8_t data[DNS_DATA_MAX + 64];
static char printed[DNS_DATA_TEXT_MAX];

/* Parses text; returns the size of what is in `data`, -1 if it was refused. */
static int parse(uint16_t class, uint16_t type, const char *text, uint32_t room)
{
	struct dns_lexer x;
	struct bytes_out out = bytes_out(data, room);

	problem.line = 0;
	dns_lexer_init(&x, text, strlen(text), 1, &problem);
	if (!dns_rdata_parse(type, class, &x, &root, &out)) {
		assert_int_not_equal(problem.line, 0);
		assert_true(strlen(problem.text) > 10);
		return -1;
	}
	assert_int_equal(problem.line, 0);
	assert_true(dns_lexer_at_end(&x));
	return (int)out.at;
}

static uint16_t type_of(const struct row *r)
{
	int type = dns_type_number(r->type, strlen(r->type));
	assert_true(type >= 0);
	return (uint16_t)type;
}

static uint16_t class_of(const struct row *r)
{
	int class = dns_class_number(r->class, strlen(r->class));
	assert_true(class > 0);
	return (uint16_t)class;
}

static uint32_t wire_of(const struct row *r, uint8_t *to)
{
	uint32_t size = (uint32_t)strlen(r->wire) / 2;
	for (uint32_t i = 0; i < size; i++)
		to[i] = (uint8_t)(dns_text_hex_digit(r->wire[2 * i]) << 4 |
		                  dns_text_hex_digit(r->wire[2 * i + 1]));
	return size;
}

static void every_type_parses_to_its_wire_form(void **state)
{
	uint8_t wire[512];

	(void)state;
	for (const struct row *r = rows; r < rows + ROWS; r++) {
		uint32_t size = wire_of(r, wire);
		int got = parse(class_of(r), type_of(r), r->text, sizeof data);
		if (got != (int)size || memcmp(data, wire, size) != 0)
			fail_msg("%s %s %s: %d bytes, %s", r->class, r->type, r->text, got,
			         problem.line ? problem.text : "others than expected");
	}
}

/* What check accepts prints to text that parses to the same. */
static void round_trip(uint16_t class, uint16_t type, const uint8_t *wire, uint32_t size)
{
	int length = dns_rdata_text(type, class, wire, size, printed, sizeof printed);

	assert_true(length >= 0);
	assert_int_equal(length, strlen(printed));
	int got = parse(class, type, printed, sizeof data);
	if (dns_rdata_check(type, class, wire, size)) {
		if (got != (int)size || memcmp(data, wire, size) != 0)
			fail_msg("type %u: %s does not give its data back: %s", type, printed,
			         problem.line ? problem.text : "");
	} else {
		assert_memory_equal(printed, "\\#", 2);
		assert_int_equal(got, -1);
	}
}

static void every_type_prints_to_text_that_parses_back(void **state)
{
	uint8_t wire[512];

	(void)state;
	for (const struct row *r = rows; r < rows + ROWS; r++) {
		uint32_t size = wire_of(r, wire);
		assert_true(dns_rdata_check(type_of(r), class_of(r), wire, size));
		round_trip(class_of(r), type_of(r), wire, size);
		bool generic = printed[0] == '\\';
		bool opaque = !dns_type_layout_in(type_of(r), class_of(r));
		assert_int_equal(generic, opaque);
	}
}

static void cut_and_changed_data_never_prints_to_other_data(void **state)
{
	uint8_t wire[512], changed[512];

	(void)state;
	srand(1);
	for (const struct row *r = rows; r < rows + ROWS; r++) {
		uint32_t size = wire_of(r, wire);
		for (uint32_t cut = 0; cut < size; cut++)
			round_trip(class_of(r), type_of(r), wire, cut);
		for (unsigned i = 0; i < 60 && size > 0; i++) {
			memcpy(changed, wire, size);
			for (unsigned n = (unsigned)rand() % 3 + 1; n > 0; n--)
				changed[(unsigned)rand() % size] ^= (uint8_t)(1u << rand() % 8);
			round_trip(class_of(r), type_of(r), changed, size);
		}
	}
}

static void cut_text_is_refused_or_read_but_never_worse(void **state)
{
	(void)state;
	for (const struct row *r = rows; r < rows + ROWS; r++) {
		size_t length = strlen(r->text);
		for (size_t cut = 0; cut < length; cut++) {
			char *text = strndup(r->text, cut); /* so that ASan sees its end */
			int size = parse(class_of(r), type_of(r), text, sizeof data);
			if (size >= 0)
				assert_true(dns_rdata_check(type_of(r), class_of(r), data,
				                            (uint32_t)size));
			free(text);
		}
	}
}

static void a_small_buffer_is_an_error_and_no_overrun(void **state)
{
	uint8_t wire[512];

	(void)state;
	for (const struct row *r = rows; r < rows + ROWS; r++) {
		uint32_t size = wire_of(r, wire);
		for (uint32_t room = 0; room < size; room++) {
			memset(data + room, 0x5a, 64);
			assert_int_equal(parse(class_of(r), type_of(r), r->text, room), -1);
			for (unsigned i = 0; i < 64; i++)
				assert_int_equal(data[room + i], 0x5a);
		}
		int length = dns_rdata_text(type_of(r), class_of(r), wire, size, printed,
		                            sizeof printed);
		assert_int_equal(dns_rdata_text(type_of(r), class_of(r), wire, size, printed,
		                                (uint32_t)length),
		                 ERR_TOO_BIG);
		assert_int_equal(dns_rdata_text(type_of(r), class_of(r), wire, size, printed,
		                                (uint32_t)length + 1),
		                 length);
	}
}

static void known_types_may_be_written_as_unknown_ones(void **state)
{
	uint8_t wire[512];
	char text[2048];

	(void)state;
	for (const struct row *r = rows; r < rows + ROWS; r++) {
		uint32_t size = wire_of(r, wire);
		snprintf(text, sizeof text, "\\# %u %s", size, r->wire);
		assert_int_equal(parse(class_of(r), type_of(r), text, sizeof data), size);
		assert_memory_equal(data, wire, size);
	}
}

static void refuses_bad_data(void **state)
{
	static const struct {
		const char *type, *text, *message; /* a part of the message */
	} bad[] = {
		{ "A", "1.2.3", "IPv4" },
		{ "A", "1.2.3.4.5", "IPv4" },
		{ "A", "1.2.3.256", "IPv4" },
		{ "A", "1.2.3.04", "IPv4" },
		{ "A", "1..2.3", "IPv4" },
		{ "A", "", "the record ends where an IPv4 address is wanted; complete the A data" },
		{ "A", "1.2.3.4 5", "\"5\" is more than A data has" },
		{ "A", "\"1.2.3.4\"", "take the quotes out" },
		{ "AAAA", ":::", "IPv6" },
		{ "AAAA", "1::2::3", "IPv6" },
		{ "AAAA", "1:2:3:4:5:6:7", "IPv6" },
		{ "AAAA", "1:2:3:4:5:6:7:8:9", "IPv6" },
		{ "AAAA", "1:2:3:4:5:6:7:8::", "IPv6" },
		{ "AAAA", "::1:2:3:4:5:6:7:8", "IPv6" },
		{ "AAAA", "12345::", "IPv6" },
		{ "AAAA", "1:", "IPv6" },
		{ "AAAA", ":1", "IPv6" },
		{ "AAAA", "::1.2.3", "IPv6" },
		{ "AAAA", "1:2:3:4:5:6:7:1.2.3.4", "IPv6" },
		{ "NS", "a..b", "empty label" },
		{ "NS", "\"a\"", "quoted" },
		{ "SOA", "a. b. 1 2 3 4", "complete the SOA data" },
		{ "SOA", "a. b. 1 2x 3 4 5", "\"2x\" is not a time" },
		{ "SOA", "a. b. 1h 2 3 4 5", "not a number" },
		{ "SOA", "a. b. 4294967296 2 3 4 5", "from 0 to 4294967295" },
		{ "MX", "65536 a.", "from 0 to 65535" },
		{ "MX", "-1 a.", "not a number" },
		{ "TXT", "", "string" },
		{ "TXT", "\"a", "not closed" },
		{ "TXT", "a\\300", "bad escape" },
		{ "TXT", "a\\", "backslash" },
		{ "HINFO", "one", "ends where a string" },
		{ "DS", "1 8 2 abc", "odd number" },
		{ "DS", "1 8 2 abxy", "not hexadecimal" },
		{ "DS", "1 8 2 ab", "must have 32 bytes, 64 digits" },
		{ "DS", "1 FOO 2 ab", "not an algorithm" },
		{ "SSHFP", "1 2 ab", "must have 32 bytes" },
		{ "ZONEMD", "1 1 1 ab", "must have 48 bytes" },
		{ "ZONEMD", "1 1 2 ab", "must have 64 bytes" },
		{ "DNSKEY", "256 3 8 AQM", "cut short" },
		{ "DNSKEY", "256 3 8 A===", "not base 64" },
		{ "DNSKEY", "256 3 8 AQ==AQ==", "not base 64" },
		{ "DNSKEY", "256 3 8 AR==", "not base 64" },
		{ "DNSKEY", "256 3 8", "base 64 text is wanted" },
		{ "NSEC", "a.", "record type is wanted" },
		{ "NSEC", "a. FOO", "is not a record type" },
		{ "NSEC", "a. A TYPE0", "\"TYPE0\" cannot stand in a type bitmap" },
		{ "NSEC3", "1 1 1 abc 2t7b4g4vsa5smi47k61mv5bv1a22bojr", "odd number" },
		{ "NSEC3", "1 1 1 - 2t7b4g4vsa5smi47k61mv5bv1a22boj", "cut short" },
		{ "NSEC3", "1 1 1 - wwww", "base32hex" },
		{ "RRSIG", "A 5 3 1 20031322173103 20030220173103 1 e. AA==", "not a date" },
		{ "X25", "31x1", "X.25" },
		{ "NSAP", "47", "NSAP" },
		{ "NSAP", "0x", "NSAP" },
		{ "LOC", "91 N 0 E 0", "is no part of a latitude" },
		{ "LOC", "90 0 1 N 0 E 0", "latitude beyond 90 degrees" },
		{ "LOC", "1 60 N 0 E 0", "is no part of a latitude" },
		{ "LOC", "1 1 60 N 0 E 0", "is no part of a latitude" },
		{ "LOC", "N 0 E 0", "is no part of a latitude" },
		{ "LOC", "1 N 0 E", "altitude is wanted" },
		{ "LOC", "1 N 0 E 42849672.96", "not an altitude" },
		{ "LOC", "1 N 0 E -100000.01", "not an altitude" },
		{ "LOC", "1 N 0 E 1 90000000.01", "not a size" },
		{ "APL", "3:1.2.3.4/8", "no address prefix" },
		{ "APL", "1:1.2.3.4/33", "no address prefix" },
		{ "APL", "1:1.2.3.4", "no address prefix" },
		{ "APL", "1/2:3", "no address prefix" },
		{ "WKS", "1.2.3.4 tcp nosuchservice", "port's number" },
		{ "A6", "129 a.", "from 0 to 128" },
		{ "A6", "64 ::1", "domain name" },
		{ "IPSECKEY", "1 4 1 . AA==", "type of gateway" },
		{ "IPSECKEY", "1 0 1 a. AA==", "type is 0" },
		{ "EUI48", "00-00-5e-00-53", "write it like" },
		{ "EUI48", "00-00-5e-00-53-2a-2b", "write it like" },
		{ "EUI48", "0-00-5e-00-53-2a", "write it like" },
		{ "NID", "10 1:2:3", "write it like" },
		{ "NID", "10 1:2:3:12345", "write it like" },
		{ "CAA", "0 is-sue a", "property tag" },
		{ "CAA", "256 issue a", "from 0 to 255" },
		{ "SVCB", "1 a. foo=bar", "no key of SVCB" },
		{ "SVCB", "1 a. key65535=x", "no key of SVCB" },
		{ "SVCB", "1 a. key065280=x", "no key of SVCB" },
		{ "SVCB", "1 a. port=1 port=2", "\"port=2\" has a key that was there before" },
		{ "SVCB", "1 a. alpn=h2 port=1 alpn=h3", "\"alpn=h3\" has a key" },
		{ "SVCB", "1 a. port=65536", "not a port" },
		{ "SVCB", "1 a. port", "port must be" },
		{ "SVCB", "1 a. alpn", "alpn has no protocol" },
		{ "SVCB", "1 a. alpn=h2,,h3", "protocol of 0 bytes" },
		{ "SVCB", "1 a. no-default-alpn", "needs alpn" },
		{ "SVCB", "1 a. alpn=h2 no-default-alpn=1", "have no value" },
		{ "SVCB", "1 a. mandatory=port", "not here" },
		{ "SVCB", "1 a. mandatory=mandatory", "itself" },
		{ "SVCB", "1 a. mandatory=port,port port=1", "twice" },
		{ "SVCB", "1 a. ipv4hint=1.2.3", "no IPv4 address" },
		{ "SVCB", "1 a. ipv6hint=1.2.3.4", "no IPv6 address" },
		{ "SVCB", "1 a. ipv4hint=", "no IPv4 address" },
		{ "SVCB", "1 a. ech=!", "base 64" },
		{ "SVCB", "1 a. key1=h2", "alpn has an empty protocol" },
		{ "NULL", "abcd", "no text form" },
		{ "TYPE65280", "abcd", "write \\# LENGTH" },
		{ "TYPE65280", "\\# 2 ab", "1 bytes, but \\# says 2" },
		{ "TYPE65280", "\\# 0 ab", "1 bytes, but \\# says 0" },
		{ "TYPE65280", "\\# 65536 ab", "from 0 to 65535" },
		{ "TYPE65280", "\\#", "number is wanted" },
		{ "A", "\\# 3 010203", "no A data" },
		{ "NS", "\\# 2 c000", "no NS data" },
		{ "MX", "\\# 3 000000 x", "not hexadecimal" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		int type = dns_type_number(bad[i].type, strlen(bad[i].type));
		assert_true(type > 0);
		if (parse(DNS_IN, (uint16_t)type, bad[i].text, sizeof data) >= 0)
			fail_msg("%s %s was taken", bad[i].type, bad[i].text);
		if (!strstr(problem.text, bad[i].message))
			fail_msg("%s %s: %s", bad[i].type, bad[i].text, problem.text);
		assert_int_equal(problem.line, 1);
	}
}

static void finds_names_in_data(void **state)
{
	static const struct {
		const char *type, *text;
		unsigned count;
		uint16_t at[3];
		uint8_t size[3];
		bool compressible;
	} named[] = {
		{ "A", "1.2.3.4", 0, { 0 }, { 0 }, false },
		{ "TXT", "a.b.", 0, { 0 }, { 0 }, false },
		{ "NS", "a.", 1, { 0 }, { 3 }, true },
		{ "MX", "1 a.b.", 1, { 2 }, { 5 }, true },
		{ "SOA", "a. b.c. 1 2 3 4 5", 2, { 0, 3 }, { 3, 5 }, true },
		{ "RP", "a. b.c.", 2, { 0, 3 }, { 3, 5 }, false },
		{ "SRV", "1 2 3 .", 1, { 6 }, { 1 }, false },
		{ "NAPTR", "1 2 \"a\" \"\" \"\" x.", 1, { 8 }, { 3 }, false },
		{ "IPSECKEY", "1 3 0 g.", 1, { 3 }, { 3 }, false },
		{ "HIP", "2 20 AQ== a. b.c. .", 3, { 6, 9, 14 }, { 3, 5, 1 }, false },
		{ "HTTPS", "1 a. port=1", 1, { 2 }, { 3 }, false },
		{ "A6", "128 a.", 1, { 1 }, { 3 }, false },
		{ "TYPE65280", "\\# 3 016100", 0, { 0 }, { 0 }, false },
	};
	struct dns_rdata_name names[3];

	(void)state;
	for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
		uint16_t type = (uint16_t)dns_type_number(named[i].type, strlen(named[i].type));
		int size = parse(DNS_IN, type, named[i].text, sizeof data);
		assert_true(size >= 0);
		assert_int_equal(dns_rdata_names(type, DNS_IN, data, (uint32_t)size, names, 3),
		                 named[i].count);
		for (unsigned n = 0; n < named[i].count; n++) {
			assert_int_equal(names[n].at, named[i].at[n]);
			assert_int_equal(names[n].size, named[i].size[n]);
			assert_int_equal(names[n].compressible, named[i].compressible);
		}
		/* Room for fewer is no error. */
		assert_int_equal(dns_rdata_names(type, DNS_IN, data, (uint32_t)size, names, 1),
		                 named[i].count);
	}
	assert_int_equal(dns_rdata_names(DNS_NS, DNS_IN, (const uint8_t *)"\1a", 2, names, 3),
	                 ERR_MALFORMED);
	assert_int_equal(dns_rdata_names(DNS_NS, DNS_IN, (const uint8_t *)"\300\0", 2, names, 3),
	                 ERR_MALFORMED);
}

static void prints_addresses_as_rfc_5952(void **state)
{
	static const char *const addresses[][2] = {
		{ "0:0:0:0:0:0:0:0", "::" },
		{ "0:0:0:0:0:0:0:1", "::1" },
		{ "1:0:0:0:0:0:0:0", "1::" },
		{ "2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
		{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
		{ "1:0:0:2:0:0:0:3", "1:0:0:2::3" },
		{ "::ffff:1.2.3.4", "::ffff:102:304" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
		int size = parse(DNS_IN, DNS_AAAA, addresses[i][0], sizeof data);
		assert_int_equal(size, 16);
		dns_rdata_text(DNS_AAAA, DNS_IN, data, 16, printed, sizeof printed);
		assert_string_equal(printed, addresses[i][1]);
	}
}

static void data_may_be_65535_bytes_long_and_no_longer(void **state)
{
	static char text[DNS_DATA_MAX * 2 + 64];

	(void)state;
	/* 255 strings of 255 bytes are 65280 bytes, the last brings the rest. */
	for (unsigned more = 0; more < 2; more++) {
		size_t at = 0;
		for (unsigned i = 0; i < 256; i++) {
			size_t size = i < 255 ? 255 : 254 + more;
			memset(text + at, 'a', size);
			at += size;
			text[at++] = ' ';
		}
		text[at] = '\0';
		assert_int_equal(parse(DNS_IN, DNS_TXT, text, sizeof data),
		                 more ? -1 : (int)DNS_DATA_MAX);
		if (!more)
			round_trip(DNS_IN, DNS_TXT,
			           memcpy(text, data, DNS_DATA_MAX) ? (uint8_t *)text : NULL,
			           DNS_DATA_MAX);
	}
	assert_non_null(strstr(problem.text, "more than 65535 bytes"));
}

static void svcb_keys_out_of_order_are_sorted_within_a_bound(void **state)
{
	char text[16384] = "1 .";
	size_t at = 3;

	(void)state;
	/* The first is in order, 256 are not. */
	for (int i = 0; i < 257; i++)
		at += (size_t)sprintf(text + at, " key%d", 60000 - i);
	int size = parse(DNS_IN, DNS_SVCB, text, sizeof data);
	assert_int_equal(size, 3 + 4 * 257);
	for (int i = 0; i < 257; i++)
		assert_int_equal(bytes_load_u16(data + 3 + 4 * i), 60000 - 256 + i);
	sprintf(text + at, " key1000");
	assert_int_equal(parse(DNS_IN, DNS_SVCB, text, sizeof data), -1);
	assert_non_null(strstr(problem.text, "\"key1000\" is one parameter out of order too many"));
	/* In order, as many as fit. */
	at = (size_t)sprintf(text, "1 .");
	for (int i = 0; i < 1000; i++)
		at += (size_t)sprintf(text + at, " key%d", 50000 + i);
	assert_int_equal(parse(DNS_IN, DNS_SVCB, text, sizeof data), 3 + 4 * 1000);
}

static void times_wrap_as_serial_numbers(void **state)
{
	uint32_t t;

	(void)state;
	assert_true(dns_text_time("19700101000000", 14, &t) && t == 0);
	assert_true(dns_text_time("20380119031408", 14, &t) && t == 0x80000000u);
	assert_true(dns_text_time("21060207062815", 14, &t) && t == 0xffffffffu);
	assert_true(dns_text_time("21060207062816", 14, &t) && t == 0);
	assert_true(dns_text_time("20000229235959", 14, &t) && t == 951868799);
	assert_false(dns_text_time("20010229000000", 14, &t));
	assert_false(dns_text_time("21000229000000", 14, &t));
	assert_false(dns_text_time("20001301000000", 14, &t));
	assert_false(dns_text_time("20000100000000", 14, &t));
	assert_false(dns_text_time("20000101240000", 14, &t));
	assert_false(dns_text_time("2000010100000", 13, &t));
	assert_false(dns_text_time("4294967296", 10, &t));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_parses_to_its_wire_form),
		cmocka_unit_test(every_type_prints_to_text_that_parses_back),
		cmocka_unit_test(cut_and_changed_data_never_prints_to_other_data),
		cmocka_unit_test(cut_text_is_refused_or_read_but_never_worse),
		cmocka_unit_test(a_small_buffer_is_an_error_and_no_overrun),
		cmocka_unit_test(known_types_may_be_written_as_unknown_ones),
		cmocka_unit_test(refuses_bad_data),
		cmocka_unit_test(finds_names_in_data),
		cmocka_unit_test(prints_addresses_as_rfc_5952),
		cmocka_unit_test(data_may_be_65535_bytes_long_and_no_longer),
		cmocka_unit_test(svcb_keys_out_of_order_are_sorted_within_a_bound),
		cmocka_unit_test(times_wrap_as_serial_numbers),
	};
	return cmocka_run_group_tests_name("dns_rdata", tests, NULL, NULL);
}
