"""Pages of compliance for customers, below /compliance/."""

from django.urls import path

from compliance import views

app_name = "compliance"

urlpatterns = [path("verify/", views.verify, name="verify")]
