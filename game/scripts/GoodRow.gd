class_name GoodRow
extends HBoxContainer
## One row of the trading screen.

const UP := Color(0.36, 0.95, 0.75)
const DOWN := Color(1.0, 0.55, 0.42)
## Time that the curve shows, in s.
const CURVE_S := 30.0
const CURVE_POINTS := 40

var _good: String
var _price := _label(80.0, HORIZONTAL_ALIGNMENT_RIGHT)
var _trend := _label(70.0, HORIZONTAL_ALIGNMENT_RIGHT)
var _have := _label(70.0, HORIZONTAL_ALIGNMENT_CENTER)
var _curve := Control.new()
var _buy := Button.new()
var _sell := Button.new()


func _init(good: String) -> void:
	_good = good
	add_theme_constant_override(&"separation", 14)
	var name_label := _label(118.0, HORIZONTAL_ALIGNMENT_LEFT)
	name_label.text = good
	_curve.custom_minimum_size = Vector2(124.0, 34.0)
	_curve.draw.connect(_draw_curve)
	_sell.text = "Sell"
	_sell.pressed.connect(func() -> void: TradingMarketplace.sell(_good))
	_buy.text = "Buy"
	_buy.pressed.connect(func() -> void: TradingMarketplace.buy(_good))
	for part: Control in [name_label, _curve, _price, _trend, _have, _sell, _buy]:
		part.focus_mode = Control.FOCUS_NONE
		add_child(part)


## Shows the current price and stock.
func refresh() -> void:
	var now_s := Time.get_unix_time_from_system()
	var cost := TradingMarketplace.price(_good, now_s)
	var change := 100.0 * (cost / float(TradingMarketplace.price(_good, now_s - CURVE_S)) - 1.0)
	_price.text = "%d cr" % cost
	_trend.text = "%+.0f %%" % change
	_trend.add_theme_color_override(&"font_color", UP if change >= 0.0 else DOWN)
	_have.text = str(TradingMarketplace.count(_good)) if TradingMarketplace.count(_good) else "–"
	_sell.disabled = TradingMarketplace.count(_good) == 0
	_buy.disabled = cost > TradingMarketplace.credits or TradingMarketplace.count() >= TradingMarketplace.ROOM
	_curve.queue_redraw()


func _draw_curve() -> void:
	var row := TradingMarketplace.GOODS[_good]
	var now_s := Time.get_unix_time_from_system()
	var line := PackedVector2Array()
	for i in CURVE_POINTS:
		var share := i / (CURVE_POINTS - 1.0)
		var cost := TradingMarketplace.price(_good, now_s - CURVE_S * (1.0 - share))
		line.append(Vector2(share, 0.5 - 0.45 * (cost - row.x) / row.y) * _curve.size)
	_curve.draw_polyline(line, UP if line[-1].y <= line[0].y else DOWN, 1.5, true)
	_curve.draw_circle(line[-1], 3.0, Color.WHITE, true, -1.0, true)


static func _label(width: float, aligned: HorizontalAlignment) -> Label:
	var label := Label.new()
	label.custom_minimum_size.x = width
	label.horizontal_alignment = aligned
	return label
