extends Node
## The autoload [code]TradingMarketplace[/code]: goods, prices and what you have. A bigger game asks its server; here all of it
## is made up, and nothing leaves this machine.

## Bought or sold.
signal traded

## By name: the usual price, how far it swings, and how fast (seconds for one swing).
const GOODS: Dictionary[String, Vector3] = {
	"Helium-3": Vector3(84.0, 22.0, 23.0),
	"Ice": Vector3(12.0, 4.0, 17.0),
	"Rare earths": Vector3(230.0, 48.0, 41.0),
	"Seeds": Vector3(37.0, 9.0, 29.0),
	"Star charts": Vector3(410.0, 120.0, 53.0),
}
## What a ship holds, in pieces.
const ROOM := 40

var credits := 1_200
var hold: Dictionary[String, int] = {}


## What one piece costs at a moment; the same for all who look at the same clock.
func price(good: String, at_s: float) -> int:
	var row := GOODS[good]
	var swing := sin(TAU * at_s / row.z + row.x) * 0.7 + sin(TAU * at_s / (row.z * 0.37)) * 0.3
	return maxi(1, roundi(row.x + row.y * swing))


## What it costs now.
func price_now(good: String) -> int:
	return price(good, Time.get_unix_time_from_system())


## How many pieces are on board.
func count(good := "") -> int:
	if good:
		return hold.get(good, 0)
	var all := 0
	for pieces: int in hold.values():
		all += pieces
	return all


## Buys a piece; false where money or room does not suffice.
func buy(good: String) -> bool:
	var cost := price_now(good)
	if cost > credits or count() >= ROOM:
		return false
	credits -= cost
	hold[good] = count(good) + 1
	traded.emit()
	return true


## Sells a piece; false where there is none.
func sell(good: String) -> bool:
	if count(good) == 0:
		return false
	credits += price_now(good)
	hold[good] -= 1
	traded.emit()
	return true
