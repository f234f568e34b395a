extends Node
## The autoload [code]TradingMarketplace[/code]: goods, prices and the stock of the local player. A real game would use its
## server. Here the prices are computed, and nothing leaves this machine.

## A piece was bought or sold.
signal traded

## By name: the base price, the size of its swing, and the period of the swing in s.
const GOODS: Dictionary[String, Vector3] = {
	"Helium-3": Vector3(84.0, 22.0, 23.0),
	"Ice": Vector3(12.0, 4.0, 17.0),
	"Rare earths": Vector3(230.0, 48.0, 41.0),
	"Seeds": Vector3(37.0, 9.0, 29.0),
	"Star charts": Vector3(410.0, 120.0, 53.0),
}
## Capacity of a ship, in pieces.
const ROOM := 40

var credits := 1_200
var hold: Dictionary[String, int] = {}


## Returns the price of one piece at a time, in s. It is the same for all players.
func price(good: String, at_s: float) -> int:
	var row := GOODS[good]
	var swing := sin(TAU * at_s / row.z + row.x) * 0.7 + sin(TAU * at_s / (row.z * 0.37)) * 0.3
	return maxi(1, roundi(row.x + row.y * swing))


## Returns the current price.
func price_now(good: String) -> int:
	return price(good, Time.get_unix_time_from_system())


## Returns the number of pieces on board.
func count(good := "") -> int:
	if good:
		return hold.get(good, 0)
	var all := 0
	for pieces: int in hold.values():
		all += pieces
	return all


## Buys a piece. Returns false if credits or capacity do not suffice.
func buy(good: String) -> bool:
	var cost := price_now(good)
	if cost > credits or count() >= ROOM:
		return false
	credits -= cost
	hold[good] = count(good) + 1
	traded.emit()
	return true


## Sells a piece. Returns false if there is none.
func sell(good: String) -> bool:
	if count(good) == 0:
		return false
	credits += price_now(good)
	hold[good] -= 1
	traded.emit()
	return true
